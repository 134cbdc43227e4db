"""Packing of light services into segments of one size: long executions first, each where it costs least.

Given theta, Chernoff's bound is additive over tenants (`waiting.growth`), so one array operation ranks all open
segments; `waiting.holds` decides, segment by segment, on the most promising.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.allocator.sharing.waiting import HOPELESS, Array, Load, growth, holds

Indices = npt.NDArray[np.intp]

_THETAS = 64  # log-spaced; the bound is flat at its minimum
_OPEN = 300  # the youngest segments that are tried
_TRIES = 60  # most promising segments that are decided on
_NO_SLO = 1e12  # ms


@dataclass(frozen=True, slots=True)
class Items:
    """What is packed, (n,) each: the load, and memory in MB."""

    load: Load
    memory: Array


def pack(items: Items, capacity_mb: float, miss: float) -> list[list[int]]:
    """Indices of the items of each segment; items that may not be on any segment are left out.

    `miss`: the probability at which each tenant's wait may pass its slack.
    """
    packing = _Packing(items, capacity_mb, miss)
    for item in np.lexsort((items.load.slacks, -items.load.latencies)):
        packing.place(int(item))
    return packing.segments


class _Packing:
    """Segments as arrays: members (s, m), padded by an item of no load, and memory (s,)."""

    def __init__(self, items: Items, capacity_mb: float, miss: float) -> None:
        load, count = items.load, len(items.memory)
        self.segments: list[list[int]] = []
        self._items, self._capacity, self._miss, self._nobody = items, capacity_mb, miss, count
        self._thetas = thetas_for(load)
        self._growth = np.vstack([growth(load.rates, load.latencies, self._thetas), np.zeros(len(self._thetas))])
        self._slacks = np.append(load.slacks, _NO_SLO)
        self._used = np.append(load.rates * load.latencies, 0.0)
        self._members = np.full((0, 1), count)
        self._memory = np.zeros(count)
        self._exponent = np.zeros(count)  # (s,): `_exponents` of what it carries

    def place(self, item: int) -> None:
        """Puts the item on the first segment that holds, the most promising first, or on a new one, if any."""
        for segment, exponent in self._promising(item):
            if self._holds([*self.segments[segment], item]):
                return self._add(segment, item, exponent)
        if self._items.memory[item] <= self._capacity and self._holds([item]):
            self.segments.append([])
            return self._add(len(self.segments) - 1, item, 0.0)
        return None

    def _holds(self, members: list[int]) -> bool:
        load = self._items.load
        chosen = Load(load.rates[members], load.latencies[members], load.slacks[members])
        return holds(chosen, self._thetas, self._miss)

    def _promising(self, item: int) -> Iterator[tuple[int, float]]:
        """Segments with room that may hold, each with its exponent; those whose exponent rises least come first."""
        first = max(0, len(self.segments) - _OPEN)
        room = self._memory[first : len(self.segments)] + self._items.memory[item] <= self._capacity
        segments = np.flatnonzero(room) + first
        exponents = self._exponents(segments, item)
        near = exponents <= HOPELESS
        segments, exponents = segments[near], exponents[near]
        order = np.argsort(exponents - self._exponent[segments], kind="stable")[:_TRIES]
        return zip(segments[order].tolist(), exponents[order].tolist(), strict=True)

    def _add(self, segment: int, item: int, exponent: float) -> None:
        members = self.segments[segment]
        rows, width = self._members.shape
        if len(members) == width or segment == rows:
            grow = ((0, max(0, segment + 1 - rows)), (0, max(0, len(members) + 1 - width)))
            self._members = np.pad(self._members, grow, constant_values=self._nobody)
        self._members[segment, len(members)] = item
        members.append(item)
        self._memory[segment] += self._items.memory[item]
        self._exponent[segment] = exponent

    def _exponents(self, segments: Indices, item: int) -> Array:
        """Chernoff's bound over `miss` of each segment's worst tenant with the item on it, as a logarithm."""
        members = np.column_stack([self._members[segments], np.full(len(segments), item)])
        own, at = self._growth[members], self._thetas  # own: (s, m, k)
        total = own.sum(axis=1)
        idle = 1 - self._used[members].sum(axis=1, keepdims=True)
        gap = at - total
        with np.errstate(divide="ignore", invalid="ignore"):
            start = np.where((gap > 0) & (idle > 0), np.log(idle * at / gap / self._miss), np.inf)
        bounds = start[:, None, :] - (gap[:, None, :] + own) * self._slacks[members][:, :, None]
        worst: Array = bounds.min(axis=2).max(axis=1)
        return worst


_LEAST_SLACK = 1e-6  # ms: who has less cannot wait at all


def thetas_for(load: Load) -> Array:
    """Where Chernoff's bound is tried, per ms: from the longest slack's scale to the shortest execution's."""
    positive = load.slacks[load.slacks > _LEAST_SLACK]
    longest = float(positive.max()) if len(positive) else 1.0
    return np.geomspace(0.5 / longest, max(8.0 / float(load.latencies.min()), 1.0 / longest), _THETAS)


RANK = None
