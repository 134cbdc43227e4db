"""Picks the cuts that are worth measuring when a model has more than there is time for."""

from __future__ import annotations

from collections.abc import Sequence

from slicer.model import CutPoint, SlicerError


def pick(cuts: Sequence[CutPoint], most: int, wanted: Sequence[CutPoint] = ()) -> list[CutPoint]:
    """At most `most` cuts, in order, `wanted` always among them.

    Of cuts with equal work before them only the smallest tensor counts (of equals the last). First come those that no
    earlier cut undercuts: moving on along the model costs device time and pays only where the tensor shrinks. What room
    is left goes to the others, the smallest tensors first: they win where early cuts are not allowed.
    """
    if len(wanted) > most:
        raise SlicerError(f"{len(wanted)} cuts are asked for, at most {most} are measured: say --most {len(wanted)}")
    smallest: dict[int, CutPoint] = {}
    for cut in cuts:
        key = cut.head_macs or 0
        if key not in smallest or _size(cut) <= _size(smallest[key]):
            smallest[key] = cut
    ordered = list(smallest.values())
    frontier = [cut for i, cut in enumerate(ordered) if all(_size(cut) < _size(one) for one in ordered[:i])]
    chosen = {cut.index: cut for cut in wanted}
    for cut in (*frontier, *sorted(ordered, key=_size)):
        if len(chosen) < most:
            chosen.setdefault(cut.index, cut)
    return [chosen[index] for index in sorted(chosen)]


def _size(cut: CutPoint) -> int:
    return cut.raw_bytes or 0
