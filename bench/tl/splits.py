"""The cut tensor goes up: as float32, through the paper's Transfer Layer, through ours untrained and trained."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from bench.tl.task import Floats, Point, Task
from common.bundle import Bundle
from slicer import load
from slicer.bundle import activations, make
from slicer.cut import split
from slicer.graph import cut_points, find
from slicer.run import Session
from slicer.train.measure import rates
from slicer.train.settings import Settings
from slicer.train.stages import Run
from slicer.train.tail import TorchTail
from slicer.train.train import train

PAPER, UNTRAINED, TRAINED = "paper's TL", "ours, untrained", "ours, trained"
_CALIBRATED = 256
_LEVELS = ("rans-4", "rans-3", "rans-2")
_BATCH = 32


def points(task: Task, epochs: int, channels: Sequence[int]) -> Iterator[Point]:
    """Each way's levels, measured on all test images."""
    inputs = task.given(task.train_images)
    samples = [{"x": one[None]} for one in inputs]
    plain = Bundle.open(make(task.whole, task.cut, name="t", level="rans-4", samples=samples[:_CALIBRATED]))
    yield from _measured(task, plain, "fp32 split", ["raw"])
    yield from _measured(task, plain, UNTRAINED, _LEVELS)
    yield from _measured(task, _pooled(task, inputs, epochs), PAPER, ["raw"])
    for count in channels:
        wanted = Settings(channels=count, epochs=epochs, batch=_BATCH, held=0.02)
        made = train(task.whole, task.cut, samples, wanted, name="t", level="rans-4", say=_say)
        yield from _measured(task, Bundle.open(made), TRAINED, _LEVELS, f"{count} channels, ")


def _measured(task: Task, bundle: Bundle, way: str, levels: Sequence[str], prefix: str = "") -> Iterator[Point]:
    head = load.parse(bundle.head_bytes(), "the head")
    sent = activations(head, [{"x": one[None]} for one in task.given(task.test_images)])
    for rate in rates(bundle, np.concatenate(sent), task.test_labels, "accuracy", levels):
        _say(f"{way} {prefix}{rate.level}: {rate.bytes:.0f} bytes, {rate.accuracy:.4f}")
        yield Point(way, prefix + rate.level, rate.bytes, rate.accuracy)


class _Pooled(nn.Module):
    """The paper's layer in training: the tail sees what it will see."""

    def forward(self, features: Tensor, _bits: int) -> Tensor:
        return F.interpolate(F.max_pool2d(features, 2, 2, ceil_mode=True), features.shape[2:])


def _pooled(task: Task, inputs: Floats, epochs: int) -> Bundle:
    """The paper's layer with its tail retrained as in stage 2 of ours: as long, and with the same loss."""
    halves = split(task.whole, find(cut_points(load.with_shapes(task.whole, {})), task.cut))
    features = next(iter(Session(halves.head)({"x": inputs}).values())).astype(np.float16)
    answers = [np.asarray(one, np.float32) for one in Session(task.whole)({"x": inputs}).values()]
    torch.manual_seed(0)
    tail = TorchTail(halves.tail)
    Run(features, answers, Settings(epochs=epochs, batch=_BATCH), "", None, _say).distil(_Pooled(), tail)
    again = tail.written_into(halves.tail)
    return Bundle.open(make(task.whole, task.cut, name="t", level="raw", layer="pool", tail=again))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
