"""The canary of a bundle: a few inputs and what the model gives for them here, for devices to try the bundle on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto

from common.canary import DTYPES, Sample
from slicer import load
from slicer.cut import Halves
from slicer.model import SlicerError
from slicer.run import Session, Values
from slicer.samples import Arrays

MOST_BYTES = 8 << 20
_UNSTEADY = frozenset(
    ("Bernoulli", "Multinomial", "NonMaxSuppression", "NonZero", "RandomNormal", "RandomNormalLike", "RandomUniform",
     "RandomUniformLike", "TopK", "Unique")
)  # fmt: skip
"""Operators whose results may be others, not just a little off, on another machine, or by chance."""


def canary(whole: ModelProto, halves: Halves, inputs: Sequence[Arrays], *, exact: bool) -> tuple[Sample, ...]:
    """Samples of `inputs`, so many as fit into 8 MiB; none where the model does not run here, or is not steady.

    `exact`: whether the halves give what the whole model does, which then says it for both.
    """
    if any(node.op_type in _UNSTEADY for node in whole.graph.node):
        return ()
    found: list[Sample] = []
    try:
        run = _Run(whole, None if exact else halves)
        for one in inputs:
            sample = run(one)
            if not _usable(sample) or _bytes([*found, sample]) > MOST_BYTES:
                break
            found.append(sample)
    except SlicerError:  # it can be cut all the same
        return ()
    return tuple(found)


class _Run:
    """One thread each: sums in the same order every time, so that the bundle's bytes are the same."""

    def __init__(self, whole: ModelProto, halves: Halves | None) -> None:
        self._whole = Session(whole, 1)
        self._halves = (Session(halves.head, 1), Session(halves.tail, 1)) if halves else None
        self._cut = load.inputs(halves.tail)[0].name if halves else ""

    def __call__(self, inputs: Arrays) -> Sample:
        return Sample(inputs, self._whole(inputs), self._joined(inputs))

    def _joined(self, inputs: Values) -> Values:
        if self._halves is None:
            return {}
        head, tail = self._halves
        return tail({self._cut: np.asarray(next(iter(head(inputs).values())), np.float32)})


def _usable(sample: Sample) -> bool:
    return all(
        value.dtype.name in DTYPES and bool(np.all(np.isfinite(value)))
        for group in sample.groups
        for value in group.values()
    )


def _bytes(samples: Sequence[Sample]) -> int:
    return sum(value.nbytes for one in samples for group in one.groups for value in group.values())
