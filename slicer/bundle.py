"""Makes a bundle of a model and one of its cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from common import bundle
from common.bundle import Manifest
from common.bundle_manifest import CANARY, FILES, Canary, Part, Rate, Tensor
from common.canary import Sample, pack
from common.codec import CodecParams
from common.digests import digest_of
from slicer import load, model, offered, probe, span
from slicer.calibrate import clips, even, even_clips, exact
from slicer.canary import canary as tried
from slicer.cut import CARRIED, Halves
from slicer.examples import Shapes, blank, noise
from slicer.model import INPUT, SlicerError
from slicer.run import Session
from slicer.samples import Arrays
from slicer.transfer_layer.insert import insert
from slicer.transfer_layer.layer import Layer, Samples, sent_shape
from slicer.transfer_layer.pool import pool
from slicer.transfer_layer.principal import principal

CANARIES = 2

Floats = npt.NDArray[np.float32]

FAMILIES: Mapping[str, Callable[[model.Tensor, Samples], Layer]] = {"pool": pool, "principal": principal}
"""Transfer Layers that need no training, by name; made for a tensor from samples of it."""


def make(
    whole: ModelProto,
    at: str,
    *,
    to: str | None = None,
    name: str,
    level: str,
    samples: Sequence[Arrays] = (),
    method: str = "mse",
    shapes: Shapes | None = None,
    layer: str | Layer = "none",
    tail: ModelProto | None = None,
    rates: Sequence[Rate] = (),
    canary: int = CANARIES,
) -> bytes:
    """The bundle of `whole` cut at the index, tensor or id `at`, or at its "input", as bytes.

    `level`: the codec level that devices start with; one of images only at the input of a model of images, as
    `offered.is_image` has it. `samples`: inputs to calibrate clip ranges on by `method`;
    `shapes`: sizes of inputs that the model leaves open, where there are no samples. `layer`: a Transfer
    Layer between the halves, or the name of one of FAMILIES; `tail`: a tail
    with other weights, trained for it; `rates`: what was measured of it. `to`: a later cut from which the tail begins;
    `layer` was trained to replace what lies between. `canary`: so many of the samples, or noise, stand in the bundle
    with the model's outputs, for devices to try it on. Raises SlicerError.
    """
    if to is not None and not isinstance(layer, Layer):
        raise SlicerError(f'only a trained layer replaces what lies between two cuts: train one from "{at}" to "{to}"')
    example = samples[0] if samples else blank(whole, shapes or {})
    found = span.find(whole, at, to, example)
    cut = found.cut.tensor
    image = found.id == INPUT and layer == "none" and offered.is_image(cut, samples)
    offered.check(level, image)
    halves = found.halves(whole)
    halves = Halves(halves.head, tail) if tail else halves
    used = _layer(layer, halves, cut, samples)
    if used:
        halves = insert(halves, used, cut)
        cut = replace(cut, shape=sent_shape(used, cut))
    if used and used.reach is not None:
        ranges = even(used.reach)
    elif samples:
        ranges = (even_clips if used and used.even else clips)(activations(halves.head, samples), method)
    else:
        ranges = {}
    ranges |= exact(cut.dtype)
    contents = _contents(whole, halves)
    outputs = [probe.rank(whole, load.tensor(value), example) for value in whole.graph.output]
    made = _manifest(whole, halves, found.id, cut, outputs, name, level, offered.levels(image), ranges, contents)
    made = replace(made, transfer_layer=used.family if used else "", rates=tuple(rates))
    inputs = tuple(samples[:canary]) or ((noise(whole, shapes or {}),) if canary else ())
    return _written(made, contents, tried(whole, halves, inputs, exact=used is None))


def _written(made: Manifest, contents: dict[str, bytes], canary: Sequence[Sample]) -> bytes:
    if not canary:
        return bundle.write(made, contents)
    content, layouts = pack(canary)
    part = Part(FILES[CANARY], len(content), digest_of(content))
    return bundle.write(replace(made, canary=Canary(part, layouts)), {**contents, CANARY: content})


def _layer(asked: str | Layer, halves: Halves, cut: model.Tensor, samples: Sequence[Arrays]) -> Layer | None:
    if isinstance(asked, Layer):
        return asked
    return None if asked == "none" else FAMILIES[asked](cut, lambda: activations(halves.head, samples))


def activations(head: ModelProto, samples: Sequence[Arrays]) -> list[Floats]:
    """What the head gives for each sample. Raises SlicerError."""
    session = Session(head)
    return [np.asarray(next(iter(session(sample).values())), np.float32) for sample in samples]


def _contents(whole: ModelProto, halves: Halves) -> dict[str, bytes]:
    return {
        "head": load.serialise(halves.head, "the head"),
        "tail": load.serialise(halves.tail, "the tail"),
        "model": load.serialise(whole, "the model"),
    }


def _manifest(
    whole: ModelProto,
    halves: Halves,
    cut_id: str,
    cut: model.Tensor,
    outputs: Sequence[model.Tensor],
    name: str,
    level: str,
    levels: Iterable[str],
    ranges: dict[int, CodecParams],
    contents: Mapping[str, bytes],
) -> Manifest:
    return Manifest(
        model=name,
        cut_id=cut_id,
        cut=replace(_tensor(cut), name=halves.head.graph.output[0].name, dtype=CARRIED),
        tail_input=load.inputs(halves.tail)[0].name,
        inputs=tuple(_tensor(load.tensor(value)) for value in load.inputs(whole)),
        outputs=tuple(map(_tensor, outputs)),
        parts={part: Part(f"{part}.onnx", len(data), digest_of(data)) for part, data in contents.items()},
        levels=tuple(levels),
        default_level=level,
        clips=ranges,
    )


def _tensor(about: model.Tensor) -> Tensor:
    return Tensor(about.name, about.dtype, about.shape or ())
