"""What every baseline reads: rates, and the points that hold the SLO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.allocator import Options, Point, ProfileTable, Service
from controller.allocator.optimal_triplet_decision import fast_points, latency_limit


@dataclass(frozen=True, slots=True)
class Demand:
    """A service: items per second, and by size the highest throughput whose latency holds the SLO."""

    name: str
    rate: float
    limit_ms: float
    best: Mapping[int, float]  # size → items/s
    measured: tuple[Point, ...]  # within the process limit, fast or not

    @property
    def servable(self) -> bool:
        """Whether any size holds the SLO."""
        return bool(self.best)


def demands(services: Sequence[Service], tables: Mapping[str, ProfileTable], options: Options) -> list[Demand]:
    """In order. Every model must have a table."""
    return [_demand(service, tables[service.model], options) for service in services]


def _demand(service: Service, table: ProfileTable, options: Options) -> Demand:
    best: dict[int, float] = {}
    for point in fast_points(service, table, options):
        best[point.size] = max(best.get(point.size, 0.0), point.throughput)
    most = options.processes_for(service)
    measured = tuple(point for point in table.points if point.processes <= most)
    return Demand(service.name, service.rate, latency_limit(service, options), best, measured)
