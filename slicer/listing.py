"""Lists a model's cuts with every size that inference or a run can tell."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import ModelProto

from slicer import graph, load
from slicer.examples import Shapes, blank, noise
from slicer.model import CutPoint, Tensor
from slicer.run import Session, exposing


def listed(whole: ModelProto, shapes: Shapes) -> list[CutPoint]:
    """The valid cuts; `shapes`: sizes of inputs that the model leaves open, elements. Raises SlicerError."""
    inferred = load.with_shapes(whole, shapes)
    seen = {}
    if all(load.tensor(value).elements is not None for value in load.inputs(inferred)):
        seen = _observed(inferred, graph.unknown(inferred), shapes)  # what inference leaves open, a run tells
    return graph.cut_points(inferred, seen)


def _observed(model: ModelProto, names: Sequence[str], shapes: Shapes) -> dict[str, Tensor]:
    """What type and shape the tensors have in a run; a size that depends on the values of the input stays open."""
    if not names:
        return {}
    session = Session(exposing(model, names))
    first, second = session(blank(model, shapes)), session(noise(model, shapes))
    return {name: Tensor(name, value.dtype.name, _same(value.shape, second[name].shape))
            for name, value in first.items()}  # fmt: skip


def _same(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int | str, ...] | None:
    if len(one) != len(other):
        return None
    return tuple(a if a == b else "" for a, b in zip(one, other, strict=True))
