"""Inputs to run a model on where nobody gives samples: zeros, or seeded noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from slicer import load, samples
from slicer.run import zeros
from slicer.samples import Arrays

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Inputs, each for one run, and where they are from: a file, or "random"."""

    inputs: tuple[Arrays, ...]
    source: str

    @property
    def real(self) -> bool:
        """Whether they tell anything of how well activations compress."""
        return self.source != "random"


def examples(whole: ModelProto, data: Path | None, most: int, shapes: Shapes) -> Examples:
    """At most `most` of the samples in `data`, or one of noise. Raises SlicerError."""
    if data is not None:
        return Examples(tuple(samples.cycle(samples.read(data, whole), most)), data.name)
    return Examples((noise(whole, shapes),), "random")


def noise(whole: ModelProto, shapes: Shapes, seed: int = 0) -> Arrays:
    """Standard normal floats, other types zeros: every index is one that exists. Raises SlicerError."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(value.shape).astype(value.dtype) if value.dtype.kind == "f" else value
        for name, value in blank(whole, shapes).items()
    }


def blank(whole: ModelProto, shapes: Shapes) -> Arrays:
    """One input of zeros; where only the batch is open it needs no `shapes`. Raises SlicerError."""
    filled = dict(shapes)
    for value in load.inputs(whole):
        about = load.tensor(value)
        rest = about.shape[1:] if about.shape else ("",)
        if about.name not in filled and about.shape and all(isinstance(size, int) for size in rest):
            first = about.shape[0]
            filled[about.name] = (first if isinstance(first, int) else 1, *(int(size) for size in rest))
    return zeros(load.with_shapes(whole, filled), filled)
