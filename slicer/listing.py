"""Lists a model's cuts with every size that inference or a run can tell."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto

from slicer import graph, load
from slicer.model import CutPoint
from slicer.run import observe


def listed(whole: ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> list[CutPoint]:
    """The valid cuts; `shapes`: sizes of inputs that the model leaves open, elements. Raises SlicerError."""
    inferred = load.with_shapes(whole, shapes)
    seen = {}
    if all(load.tensor(value).elements is not None for value in load.inputs(inferred)):
        seen = observe(inferred, graph.unknown(inferred), shapes)  # what inference leaves open, a run tells
    return graph.cut_points(inferred, seen)
