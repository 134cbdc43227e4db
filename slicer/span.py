"""Where the head ends and where the tail begins: at one cut, or at two where a layer replaces what lies between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from onnx import ModelProto

from slicer import graph, load, probe
from slicer.cut import Halves, split
from slicer.model import INPUT, CutPoint, SlicerError
from slicer.samples import Arrays
from slicer.transfer_layer.layer import shrunk


@dataclass(frozen=True, slots=True)
class Span:
    """The head ends in the tensor of `cut`, the tail begins with that of `later`; both are one unless layers go."""

    cut: CutPoint
    later: CutPoint

    @property
    def replaces(self) -> bool:
        """Whether there are layers between the two, which neither half has."""
        return self.later.index != self.cut.index

    @property
    def id(self) -> str:
        """What names it within its model, and no other: the cut's id, or both, such as "1:relu1>5:relu3"."""
        return f"{self.cut.id}>{self.later.id}" if self.replaces else self.cut.id

    @property
    def skipped(self) -> int:
        """How often the layers between halve height and width, rounded up: m. Raises SlicerError where they do not."""
        found = shrunk(self.cut.tensor, self.later.tensor)
        if found is None:
            raise SlicerError(
                f"{_shown(self.cut)}, {_shown(self.later)}: a layer can replace what lies between two maps of N×C×H×W "
                "of known sizes where height and width are halved, rounded up, equally often: name another later cut"
            )
        return found

    def halves(self, whole: ModelProto) -> Halves:
        """The model's halves, without what lies between. Raises SlicerError."""
        return split(whole, self.cut, self.later)


def find(whole: ModelProto, at: str, to: str | None, example: Arrays) -> Span:
    """The span from the cut `at` (index, tensor, id, or "input") to the cut `to`; None: one cut, no layers go.

    `example`: an input from which sizes are found out that inference leaves open. Raises SlicerError.
    """
    if to is None:
        cut = graph.input_cut(whole) if at == INPUT else graph.find(_cuts(whole), at)
        cut = replace(cut, tensor=probe.known(whole, cut.tensor, example))
        return Span(cut, cut)
    cut, later = graph.find(_cuts(whole), at), graph.find(_cuts(whole), to)
    if later.index <= cut.index:
        raise SlicerError(
            f'cut "{later.id}" does not come after "{cut.id}": a layer replaces what lies between a cut and a later '
            "one, as `sliceplane-slicer cuts` lists them"
        )
    cut, later = (replace(one, tensor=probe.known(whole, one.tensor, example)) for one in (cut, later))
    return Span(cut, later)


def _cuts(whole: ModelProto) -> list[CutPoint]:
    return graph.cut_points(load.with_shapes(whole, {}))


def _shown(cut: CutPoint) -> str:
    return f'tensor "{cut.tensor.name}" is {load.show(cut.tensor.shape)}'
