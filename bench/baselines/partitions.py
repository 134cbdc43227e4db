"""A model of MPS partitions, which were not measured: throughput of x % of a GPU from the measured MIG sizes.

The model: x % is 7x/100 GPCs; at each batch, throughput runs straight from one measured size to the next, and from 0
below the smallest; one process, so a batch takes batch / throughput. Each neighbour on the GPU slows a partition by
`slowdown` of its throughput. The share of memory bandwidth and cache is that of the MIG sizes: real MPS has neither
split, so the model says nothing of how much worse a bad neighbour is than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from bench.baselines.demand import Demand

WHOLE = 7.0  # GPCs of a GPU


@dataclass(frozen=True, slots=True)
class Curve:
    """Measured (GPCs, items/s) at one batch with one process, by size."""

    batch: int
    knots: tuple[tuple[float, float], ...]

    def throughput(self, gpcs: float) -> float:
        """Items per second of a partition of so many GPCs; 0 above the largest measured size."""
        for (low, at_low), (high, at_high) in pairwise(((0.0, 0.0), *self.knots)):
            if gpcs <= high:
                return at_low + (at_high - at_low) * (gpcs - low) / (high - low)
        return 0.0


@dataclass(slots=True)
class Partitions:
    """What partitions serve of each demand; demands of one name must have the same measurements."""

    slowdown: float = 0.0  # share of the throughput, a neighbour
    _curves: dict[str, tuple[Curve, ...]] = field(default_factory=dict)
    _known: dict[tuple[str, float, int, int], float] = field(default_factory=dict)

    def serves(self, one: Demand, percent: int | float, neighbours: int = 0) -> float:
        """The most items per second of a partition of `percent` whose batches hold the SLO; 0: none does."""
        key = (one.name, one.limit_ms, round(percent * 10), neighbours)
        if key not in self._known:
            factor = max(0.0, 1 - self.slowdown * neighbours)
            rates = ((curve.batch, curve.throughput(percent * WHOLE / 100) * factor) for curve in self._of(one))
            self._known[key] = max(
                (rate for batch, rate in rates if rate > 0 and 1000 * batch / rate < one.limit_ms), default=0.0
            )
        return self._known[key]

    def _of(self, one: Demand) -> tuple[Curve, ...]:
        if one.name not in self._curves:
            self._curves[one.name] = tuple(_curves(one))
        return self._curves[one.name]


def _curves(one: Demand) -> Iterable[Curve]:
    single = [point for point in one.measured if point.processes == 1]
    for batch in sorted({point.batch for point in single}):
        knots = sorted((float(point.size), point.throughput) for point in single if point.batch == batch)
        yield Curve(batch, tuple(knots))
