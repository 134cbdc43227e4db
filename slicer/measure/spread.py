"""Repeats work and says how long it takes, and how much that varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

ENOUGH_S = 2.0
LEAST = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Times of `runs` runs, ms: the median, the 95th percentile, and the median absolute deviation."""

    median_ms: float
    p95_ms: float
    mad_ms: float
    runs: int

    def times(self, factor: float) -> Spread:
        """The same on something that takes `factor` times as long."""
        return Spread(factor * self.median_ms, factor * self.p95_ms, factor * self.mad_ms, self.runs)


NOTHING = Spread(0.0, 0.0, 0.0, 0)


def spread(times_ms: Sequence[float]) -> Spread:
    """Of times that were taken, at least one."""
    values = np.asarray(times_ms)
    median = float(np.median(values))
    away = float(np.median(np.abs(values - median)))
    return Spread(median, float(np.percentile(values, 95)), away, len(times_ms))


def timed(work: Callable[[int], object], repeats: int, warm_up: int = 2) -> Spread:
    """How long `work` takes; it is given the number of the run. Slow work is repeated less often, at least thrice."""
    for run in range(warm_up):
        work(run)
    taken: list[float] = []
    while len(taken) < LEAST or (len(taken) < repeats and sum(taken) < ENOUGH_S * 1e3):
        start = perf_counter()
        work(len(taken))
        taken.append((perf_counter() - start) * 1e3)
    return spread(taken)
