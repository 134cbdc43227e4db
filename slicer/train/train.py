"""Trains a learned Transfer Layer for a model and a cut, and makes the bundle: Inserter, Trainer, Splitter."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from onnx import ModelProto

from common.bundle import Bundle
from common.codec import LEVELS
from slicer import load, span
from slicer.bundle import CANARIES, activations, make
from slicer.cut import CARRIED, Halves
from slicer.model import INPUT, SlicerError
from slicer.samples import Arrays
from slicer.span import Span
from slicer.train.bottleneck import Bottleneck
from slicer.train.learned import BITS, Learned
from slicer.train.measure import RANS, classes, rates
from slicer.train.settings import REPLACING, Say, Settings
from slicer.train.stages import Floats, Halfs, Held, Run
from slicer.train.strided import Strided
from slicer.train.tail import TorchTail
from slicer.train.teacher import Taught, taught
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
    to: str | None = None,
    labels: npt.NDArray[np.int64] | None = None,
    checkpoint: Path | None = None,
    say: Say = lambda _line: None,
    canary: int = CANARIES,
) -> bytes:
    """The bundle. `labels`: the class of each sample, to measure accuracy; else agreement is.

    `to`: a cut after `at`; the layer then replaces what lies between: its decoder gives that tensor and the tail begins
    there. Raises SlicerError.
    """
    if level not in LEVELS:
        raise SlicerError(f'there is no level "{level}"; levels are {", ".join(LEVELS)}')
    kept = len(samples) - max(1, round(wanted.held * len(samples)))
    if kept < 1:
        raise SlicerError(f"{len(samples)} samples are too few to train on and to measure on: give at least 2")
    found = _span(whole, at, to, samples[0], wanted, say)
    halves = found.halves(whole)
    known = taught(whole, found, halves, samples)
    told = labels if labels is not None else classes(known.answers[0])
    if len(told) != len(samples):
        raise SlicerError(f"there are {len(told)} labels for {len(samples)} samples")
    key = _key(whole, found, samples, wanted)
    right = float(np.mean(classes(known.answers[0][kept:]) == told[kept:]))
    held = Held(known.features[kept:], told[kept:], right, min(LEVELS[level].bits, BITS[0]))
    answers, targets = [one[:kept] for one in known.answers], known.targets[:kept] if found.replaces else None
    run = Run(known.features[:kept], answers, wanted, key, checkpoint, say, held, targets)
    layer, tail = _trained(run, found, halves, known, wanted, say)
    wrap = {"name": name, "level": level, "to": to, "layer": layer, "tail": tail, "canary": canary}
    wrap["samples"] = samples[:kept][:_CALIBRATED]
    bundle = Bundle.open(make(whole, at, **wrap))  # type: ignore[arg-type]
    sent = activations(load.parse(bundle.head_bytes(), "the head"), samples[kept:])
    metric = "agreement" if labels is None else "accuracy"
    measured = rates(bundle, np.concatenate(sent), told[kept:], metric, RANS)
    for rate in measured:
        say(f"{rate.level}: {rate.bytes:.0f} bytes, {metric} {rate.accuracy:.4f} on {len(samples) - kept} held-out")
    return make(whole, at, rates=measured, **wrap)  # type: ignore[arg-type]


def _span(whole: ModelProto, at: str, to: str | None, example: Arrays, wanted: Settings, say: Say) -> Span:
    """Where the layer goes. Raises SlicerError where it cannot."""
    if at == INPUT:
        raise SlicerError(f'a layer is trained at a cut, not at "{INPUT}": name one as `sliceplane-slicer cuts` does')
    if to is not None and wanted.family != REPLACING:
        raise SlicerError(f'family "{wanted.family}" replaces no layers up to "{to}": say family "{REPLACING}"')
    found = span.find(whole, at, to, example)
    sizes(found.cut.tensor)
    for cut in (found.cut, found.later):
        about = cut.tensor
        if about.dtype != CARRIED:
            raise SlicerError(f'tensor "{about.name}" is {about.dtype}: only {CARRIED} is trained, cut elsewhere')
    if found.skipped > wanted.halvings:
        say(f"halvings: {found.skipped} in place of {wanted.halvings}: the layers that are replaced halve so often")
    return found


def _trained(
    run: Run, found: Span, halves: Halves, known: Taught, wanted: Settings, say: Say
) -> tuple[Layer, ModelProto | None]:
    torch.manual_seed(wanted.seed)
    layer = _layer(found, known, wanted)
    run.match(layer)
    try:
        tail = TorchTail(halves.tail)
        _same(tail, known.targets[:4], known.answers)
    except SlicerError as error:
        say(f"stage 2 left out: {error}")
        return layer.layer(), None
    run.distil(layer, tail)
    return layer.layer(), tail.written_into(halves.tail)


def _layer(found: Span, known: Taught, wanted: Settings) -> Learned:
    """One that has learned nothing yet; it halves at least as often as the layers that it replaces."""
    _, channels, height, width = sizes(found.cut.tensor)
    positive = bool(known.targets.min() >= 0)
    if wanted.family == "strided":
        return Strided(channels, (height, width), positive)
    halvings = max(wanted.halvings, found.skipped)
    made = (known.targets.shape[1], found.skipped)
    return Bottleneck(channels, wanted.channels, (height, width), halvings, positive, made)


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


def _key(whole: ModelProto, found: Span, samples: Sequence[Arrays], wanted: Settings) -> str:
    digest = sha256(load.serialise(whole, "the model"))
    for sample in samples:
        for value in sample.values():
            digest.update(np.ascontiguousarray(value).tobytes())
    return f"{found.id} {wanted} {digest.hexdigest()}"
