"""What a cut's activation takes at each codec level, from a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from common.codec import LEVELS, encode
from slicer.cut import EXACT
from slicer.model import CutPoint
from slicer.run import Session, exposing
from slicer.samples import Arrays

SHOWN = ("raw-zstd", "rans-8", "rans-4", "rans-2")
"""Levels that a list of cuts tells of by default."""
ByLevel = Mapping[int, Mapping[str, float]]
"""Bytes by the index of a cut and the level."""

_AT_ONCE = 256 << 20  # bytes of activations that are held at a time


def level_bytes(
    whole: ModelProto, cuts: Sequence[CutPoint], inputs: Sequence[Arrays], levels: Sequence[str]
) -> dict[int, dict[str, float]]:
    """Mean bytes by cut and level, headers included; clip ranges are those of each activation. Raises SlicerError.

    Cuts whose tensor the codec does not carry are left out.
    """
    found: dict[int, dict[str, float]] = {}
    for group in _groups([cut for cut in cuts if cut.tensor.dtype in EXACT]):
        session = Session(exposing(whole, [cut.tensor.name for cut in group]))
        runs = [session(one) for one in inputs]
        for cut in group:
            values = [np.asarray(run[cut.tensor.name], np.float32) for run in runs]
            found[cut.index] = {level: _mean(values, level) for level in levels}
    return found


def _groups(cuts: Sequence[CutPoint]) -> Iterator[list[CutPoint]]:
    group: list[CutPoint] = []
    held = 0
    for cut in cuts:
        size = cut.raw_bytes or 0
        if group and held + size > _AT_ONCE:
            yield group
            group, held = [], 0
        group.append(cut)
        held += size
    if group:
        yield group


def _mean(values: Sequence[npt.NDArray[np.float32]], level: str) -> float:
    return float(np.mean([len(encode(one, LEVELS[level])) for one in values]))
