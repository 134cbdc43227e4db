"""Packing of light services into segments of one size: long executions first, each where it costs least."""

from collections.abc import Callable, Iterator

import numpy as np

from controller.allocator.sharing.judging import Indices, Items, Judge, Limits
from controller.allocator.sharing.repacking import repacked
from controller.allocator.sharing.waiting import HOPELESS, Array, likely_slacks

_OPEN = 300  # the youngest segments that are tried
_TRIES = 60  # most promising segments that are decided on


def pack(items: Items, limits: Limits, expired: Callable[[], bool] = lambda: False) -> list[list[int]]:
    """Indices of the items of each segment; items that may not be on any segment are left out.

    Once time is up, nothing is improved any more.
    """
    packing = _Packing(items, Judge(items, limits))
    for item in np.lexsort((likely_slacks(items.load, limits.miss), -items.load.latencies)):
        packing.place(int(item))
    return repacked(items, limits, packing.segments, expired)


class _Packing:
    """Segments as arrays: members (s, m), and memory (s,)."""

    def __init__(self, items: Items, judge: Judge) -> None:
        count = len(items.memory)
        self.segments: list[list[int]] = []
        self._judge = judge
        self._members = np.full((0, 1), count)
        self._memory = np.zeros(count)
        self._exponent = np.zeros(count)  # (s,): `exponents` of what it carries

    def place(self, item: int) -> None:
        """Puts the item on the first segment that holds, the most promising first, or on a new one, if any."""
        for segment, exponent in self._promising(item):
            if self._judge.holds([*self.segments[segment], item]):
                return self._add(segment, item, exponent)
        if self._judge.holds([item]):
            self.segments.append([])
            return self._add(len(self.segments) - 1, item, 0.0)
        return None

    def _promising(self, item: int) -> Iterator[tuple[int, float]]:
        """Segments with room that may hold, each with its exponent; those whose exponent rises least come first."""
        first = max(0, len(self.segments) - _OPEN)
        room = self._memory[first : len(self.segments)] + self._judge.memory[item] <= self._judge.limits.memory_mb
        segments = np.flatnonzero(room) + first
        exponents = self._exponents(segments, item)
        near = exponents <= HOPELESS
        segments, exponents = segments[near], exponents[near]
        order = np.argsort(exponents - self._exponent[segments], kind="stable")[:_TRIES]
        return zip(segments[order].tolist(), exponents[order].tolist(), strict=True)

    def _exponents(self, segments: Indices, item: int) -> Array:
        """Those of each segment with the item on it."""
        groups = np.column_stack([self._members[segments], np.full(len(segments), item)])
        return self._judge.exponents(groups, HOPELESS)

    def _add(self, segment: int, item: int, exponent: float) -> None:
        members = self.segments[segment]
        rows, width = self._members.shape
        if len(members) == width or segment == rows:
            grow = ((0, max(0, segment + 1 - rows)), (0, max(0, len(members) + 1 - width)))
            self._members = np.pad(self._members, grow, constant_values=self._judge.nobody)
        self._members[segment, len(members)] = item
        members.append(item)
        self._memory[segment] += self._judge.memory[item]
        self._exponent[segment] = exponent
