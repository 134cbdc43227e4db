"""Trains a learned Transfer Layer for a model and a cut, and makes the bundle: Inserter, Trainer, Splitter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto

from common.bundle import Bundle
from common.codec import LEVELS
from slicer import graph, load, probe
from slicer.bundle import CANARIES, activations, make
from slicer.cut import CARRIED, Halves, split
from slicer.model import CutPoint, SlicerError
from slicer.run import Session
from slicer.samples import Arrays
from slicer.train.bottleneck import Bottleneck
from slicer.train.learned import BITS, Learned
from slicer.train.measure import RANS, classes, rates
from slicer.train.settings import Say, Settings
from slicer.train.stages import Floats, Halfs, Held, Run
from slicer.train.strided import Strided
from slicer.train.tail import TorchTail
from slicer.transfer_layer.layer import Layer, sizes

_CALIBRATED = 256  # samples that clip ranges are taken from
_PARITY = 1e-2  # of the answers' spread; most of it is what float16 leaves of the features


def train(
    whole: ModelProto,
    at: str,
    samples: Sequence[Arrays],
    wanted: Settings,
    *,
    name: str,
    level: str,
    labels: npt.NDArray[np.int64] | None = None,
    checkpoint: Path | None = None,
    say: Say = lambda _line: None,
    canary: int = CANARIES,
) -> bytes:
    """The bundle. `labels`: the class of each sample, to measure accuracy; else agreement is. Raises SlicerError."""
    if level not in LEVELS:
        raise SlicerError(f'there is no level "{level}"; levels are {", ".join(LEVELS)}')
    kept = len(samples) - max(1, round(wanted.held * len(samples)))
    if kept < 1:
        raise SlicerError(f"{len(samples)} samples are too few to train on and to measure on: give at least 2")
    cut, halves = _halves(whole, at, samples[0])
    features, answers = _teacher(halves, samples)
    told = labels if labels is not None else classes(answers[0])
    if len(told) != len(samples):
        raise SlicerError(f"there are {len(told)} labels for {len(samples)} samples")
    key = _key(whole, cut, samples, wanted)
    right = float(np.mean(classes(answers[0][kept:]) == told[kept:]))
    held = Held(features[kept:], told[kept:], right, min(LEVELS[level].bits, BITS[0]))
    run = Run(features[:kept], [one[:kept] for one in answers], wanted, key, checkpoint, say, held)
    layer, tail = _trained(run, cut, halves, features, answers, wanted, say)
    wrap = {"name": name, "level": level, "samples": samples[:kept][:_CALIBRATED], "layer": layer, "tail": tail}
    wrap["canary"] = canary
    bundle = Bundle.open(make(whole, at, **wrap))  # type: ignore[arg-type]
    sent = activations(load.parse(bundle.head_bytes(), "the head"), samples[kept:])
    metric = "agreement" if labels is None else "accuracy"
    found = rates(bundle, np.concatenate(sent), told[kept:], metric, RANS)
    for rate in found:
        say(f"{rate.level}: {rate.bytes:.0f} bytes, {metric} {rate.accuracy:.4f} on {len(samples) - kept} held-out")
    return make(whole, at, rates=found, **wrap)  # type: ignore[arg-type]


def _halves(whole: ModelProto, at: str, example: Arrays) -> tuple[CutPoint, Halves]:
    found = graph.find(graph.cut_points(load.with_shapes(whole, {})), at)
    cut = replace(found, tensor=probe.known(whole, found.tensor, example))
    sizes(cut.tensor)
    if cut.tensor.dtype != CARRIED:
        raise SlicerError(f'tensor "{cut.tensor.name}" is {cut.tensor.dtype}: only {CARRIED} is trained, cut elsewhere')
    return cut, split(whole, cut)


def _teacher(halves: Halves, samples: Sequence[Arrays]) -> tuple[Halfs, list[Floats]]:
    """The features at the cut and the model's answers, sample by sample as a device gives them."""
    tail, given = Session(halves.tail), load.inputs(halves.tail)[0].name
    features, answers = [], []
    for feature in activations(halves.head, samples):
        features.append(feature.clip(-65504, 65504).astype(np.float16))  # half the memory, and far finer than the noise
        answers.append([np.asarray(one, np.float32) for one in tail({given: feature}).values()])
    return np.concatenate(features), [np.concatenate(one) for one in zip(*answers, strict=True)]


def _trained(
    run: Run, cut: CutPoint, halves: Halves, features: Halfs, answers: list[Floats], wanted: Settings, say: Say
) -> tuple[Layer, ModelProto | None]:
    _, channels, height, width = sizes(cut.tensor)
    torch.manual_seed(wanted.seed)
    positive = bool(features.min() >= 0)
    layer: Learned = (
        Strided(channels, (height, width), positive)
        if wanted.family == "strided"
        else Bottleneck(channels, wanted.channels, (height, width), wanted.halvings, positive)
    )
    run.match(layer)
    try:
        tail = TorchTail(halves.tail)
        _same(tail, features[:4], answers)
    except SlicerError as error:
        say(f"stage 2 left out: {error}")
        return layer.layer(), None
    run.distil(layer, tail)
    return layer.layer(), tail.written_into(halves.tail)


def _same(tail: TorchTail, features: Halfs, answers: list[Floats]) -> None:
    """Raises SlicerError where torch does not compute what onnxruntime does."""
    try:
        with torch.no_grad():
            found = tail(torch.from_numpy(features.astype(np.float32)))
    except (RuntimeError, IndexError, KeyError, TypeError) as error:
        raise SlicerError(f"torch cannot run the tail: {str(error).splitlines()[0][:120]}") from error
    for one, told in zip(found, answers, strict=True):
        expected = told[: len(features)]
        if one.shape != expected.shape or np.abs(one.numpy() - expected).max() > _PARITY * (1 + expected.std()):
            raise SlicerError("torch's tail differs from onnxruntime's")


def _key(whole: ModelProto, cut: CutPoint, samples: Sequence[Arrays], wanted: Settings) -> str:
    digest = sha256(load.serialise(whole, "the model"))
    for sample in samples:
        for value in sample.values():
            digest.update(np.ascontiguousarray(value).tobytes())
    return f"{cut.id} {wanted} {digest.hexdigest()}"
