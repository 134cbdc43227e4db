"""Whether items may stand on one segment together: quickly by Chernoff's bound, which ranks, then for certain.

Given theta, Chernoff's bound is additive over tenants (`waiting.growth`), so one array operation ranks many groups;
`waiting.holds` decides, group by group, on the most promising.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.allocator.sharing.waiting import Array, Load, growth, holds, likely_slacks

Indices = npt.NDArray[np.intp]

THETAS = 64  # log-spaced; the bound is flat at its minimum
_NO_SLO = 1e12  # ms
_LEAST_SLACK = 1e-6  # ms: who has less cannot wait at all


@dataclass(frozen=True, slots=True)
class Items:
    """What is packed, (n,) each: the load, and memory in MB."""

    load: Load
    memory: Array


@dataclass(frozen=True, slots=True)
class Limits:
    """What a segment may hold: memory, and the probability at which a tenant's wait may pass its slack."""

    memory_mb: float
    miss: float


class Judge:
    """Knows the items; groups are arrays (g, m) of their indices, filled up with `nobody`, an item of no load."""

    def __init__(self, items: Items, limits: Limits, thetas: int = THETAS) -> None:
        load, self.nobody = items.load, len(items.memory)
        self.limits = limits
        self.memory = np.append(items.memory, 0.0)
        self._load, self._sure = load, thetas_for(load)
        self._thetas = self._sure[:: THETAS // thetas]
        self._growth = np.vstack([growth(load.rates, load.latencies, self._thetas), np.zeros(len(self._thetas))])
        self._slacks = np.append(likely_slacks(load, limits.miss), _NO_SLO)
        self._used = np.append(load.rates * load.latencies, 0.0)
        self._decided: dict[tuple[int, ...], bool] = {}

    def holds(self, members: Sequence[int]) -> bool:
        """Whether a segment may hold them."""
        chosen = tuple(sorted(members))
        if chosen not in self._decided:
            self._decided[chosen] = self._holds(list(chosen))
        return self._decided[chosen]

    def _holds(self, members: list[int]) -> bool:
        if self.memory[members].sum() > self.limits.memory_mb:
            return False
        return holds(self._load.of(members), self._sure, self.limits.miss, self._slacks[members])

    def has_memory(self, groups: Indices) -> npt.NDArray[np.bool_]:
        """(g,): whether each group's memory fits."""
        fits: npt.NDArray[np.bool_] = self.memory[groups].sum(axis=1) <= self.limits.memory_mb
        return fits

    def exponents(self, groups: Indices, most: float = np.inf) -> Array:
        """(g,): Chernoff's bound over the miss of each group's worst tenant, as a logarithm; up to 0 it holds.

        Infinite where it is above `most`: there the tenant with least time to spare mostly shows it alone.
        """
        start, gap = self._ends(groups)
        tightest = groups[np.arange(len(groups)), self._slacks[groups].argmin(axis=1)]
        worst = self._exponents(start, gap, tightest)
        near = np.flatnonzero(worst <= most)
        start, gap, groups = start[near], gap[near], groups[near]
        found = np.full(len(worst), np.inf)
        found[near] = np.max([self._exponents(start, gap, tenants) for tenants in groups.T], axis=0)
        found[found > most] = np.inf
        return found

    def _ends(self, groups: Indices) -> tuple[Array, Array]:
        """(g, k) each: the exponent of a wait of nothing, and by how much it falls a ms for who brings no work."""
        at, total = self._thetas, np.zeros((len(groups), len(self._thetas)))
        for tenants in groups.T:
            total += self._growth[tenants]
        idle = 1 - self._used[groups].sum(axis=1, keepdims=True)
        gap = at - total
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((gap > 0) & (idle > 0), np.log(idle * at / gap / self.limits.miss), np.inf), gap

    def _exponents(self, start: Array, gap: Array, tenants: Indices) -> Array:
        """(g,): those of one tenant of each group."""
        least: Array = (start - (gap + self._growth[tenants]) * self._slacks[tenants][:, None]).min(axis=1)
        return least


def thetas_for(load: Load) -> Array:
    """Where Chernoff's bound is tried, per ms: from the longest slack's scale to the shortest execution's."""
    positive = load.slacks[:, 0][load.slacks[:, 0] > _LEAST_SLACK]
    longest = float(positive.max()) if len(positive) else 1.0
    return np.geomspace(0.5 / longest, max(8.0 / float(load.latencies.min()), 1.0 / longest), THETAS)
