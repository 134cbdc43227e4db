"""The cut tensor goes up: as float32, through the paper's Transfer Layer (alone, and our codec), through ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from bench.tl.task import CODED, PAPER, TRAINED, UNTRAINED, Floats, Point, Task
from common.bundle import Bundle
from slicer import load
from slicer.bundle import activations, make
from slicer.calibrate import METHODS
from slicer.cut import split
from slicer.graph import cut_points, find
from slicer.train.measure import rates
from slicer.train.settings import Settings
from slicer.train.stages import Run
from slicer.train.tail import TorchTail
from slicer.train.train import train

_CALIBRATED = 256
_LEVELS = ("rans-6", "rans-5", "rans-4", "rans-3", "rans-2")
_BEHIND_POOLING = (*_LEVELS, "zstd-4", "zstd-3")  # the replay's best are among these
_HELD = 0.05


def points(task: Task, epochs: int, weights: Sequence[float], cache: Path) -> Iterator[Point]:
    """Each way's levels, measured on all test images; `cache`: where checkpoints of the training are kept."""
    inputs = task.given(task.train_images)
    samples = [{"x": one[None]} for one in inputs]
    cut = partial(make, task.whole, task.cut, name="t", level="rans-4", samples=samples[:_CALIBRATED])
    plain = Bundle.open(cut())
    yield from _measured(task, plain, "fp32 split", ["raw"])
    yield from _measured(task, plain, UNTRAINED, _LEVELS, "no layer, ")
    for method in METHODS:
        yield from _measured(
            task, Bundle.open(cut(layer="principal", method=method)), UNTRAINED, _LEVELS, f"principal, {method}, "
        )
    pooled = _pooled(task, inputs, epochs, cache)
    yield from _measured(task, pooled, PAPER, ["raw"])
    yield from _measured(task, pooled, CODED, _BEHIND_POOLING)
    for weight in weights:
        wanted = Settings(halvings=task.halvings, weight=weight, epochs=epochs, batch=task.batch, held=_HELD)
        kept = cache / f"{task.name}-{len(samples)}-{epochs}-{weight:g}.pt"
        made = train(task.whole, task.cut, samples, wanted, name="t", level="rans-4", checkpoint=kept, say=_say)
        yield from _measured(task, Bundle.open(made), TRAINED, _LEVELS, f"weight {weight:g}, ")


def _measured(task: Task, bundle: Bundle, way: str, levels: Sequence[str], prefix: str = "") -> Iterator[Point]:
    head = load.parse(bundle.head_bytes(), "the head")
    sent = activations(head, [{"x": one[None]} for one in task.given(task.test_images)])
    for rate in rates(bundle, np.concatenate(sent), task.test_labels, "accuracy", levels):
        _say(f"{way} {prefix}{rate.level}: {rate.bytes:.0f} bytes, {rate.accuracy:.4f}")
        yield Point(way, prefix + rate.level, rate.bytes, rate.accuracy)


class _Pooled(nn.Module):
    """The paper's layer in training: the tail sees what it will see."""

    def forward(self, features: Tensor, _bits: int) -> tuple[Tensor, Tensor]:
        return F.interpolate(F.max_pool2d(features, 2, 2, ceil_mode=True), features.shape[2:]), torch.zeros(())


def _pooled(task: Task, inputs: Floats, epochs: int, cache: Path) -> Bundle:
    """The paper's layer with its tail retrained as in stage 2 of ours: as long, and with the same loss.

    It is trained as the paper's is, without quantisation; clip ranges are calibrated afterwards, on what is pooled.
    """
    halves = split(task.whole, find(cut_points(load.with_shapes(task.whole, {})), task.cut))
    features = np.concatenate(activations(halves.head, _some(task, inputs))).astype(np.float16)
    answers = [np.concatenate(activations(task.whole, _some(task, inputs)))]
    torch.manual_seed(0)
    tail = TorchTail(halves.tail)
    key = sha256(features.tobytes() + task.whole.SerializeToString()).hexdigest()
    kept = cache / f"{task.name}-{len(inputs)}-{epochs}-pool.pt"
    Run(features, answers, Settings(epochs=epochs, batch=task.batch), key, kept, _say).distil(_Pooled(), tail)
    again = tail.written_into(halves.tail)
    seen = [{"x": one[None]} for one in inputs[:_CALIBRATED]]
    return Bundle.open(make(task.whole, task.cut, name="t", level="raw", layer="pool", tail=again, samples=seen))


def _some(task: Task, inputs: Floats) -> list[dict[str, Floats]]:
    return [{"x": inputs[start : start + task.at_once]} for start in range(0, len(inputs), task.at_once)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
