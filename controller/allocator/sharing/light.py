"""Which services may share a segment, and what each asks of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.mig import gpcs_of
from controller.allocator.configuration import configure
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Options, ProfileTable, Service

LATENCY_MARGIN = 1.1  # executions take up to so many times the measured latency
MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Light:
    """A service that one segment has room to spare for."""

    service: Service
    latency_ms: Mapping[int, float]  # by size: one item, one process, as measured
    alone: int  # GPCs of the smallest segment that carries it by itself
    memory_mb: float

    @property
    def name(self) -> str:
        """The service's."""
        return self.service.name


def lights(services: Sequence[Service], profiles: Mapping[str, ProfileTable], options: Options) -> list[Light]:
    """The services that one segment carries alone and that may share, in order.

    Left out: those that cannot be planned, need several segments, are exclusive, spread over hosts, or whose
    model was not measured at batch 1 with one process.
    """
    willing = [one for one in services if not one.exclusive and one.min_hosts <= 1]
    servable, _ = configure(willing, profiles, options)
    found = []
    for service, triplets in servable.values():
        latency = _single_item(profiles[service.model], options)
        alone = _smallest(service, triplets)
        if latency and alone:
            found.append(Light(service, latency, alone, service.memory_mb or options.tenant_memory_mb))
    return found


def _single_item(table: ProfileTable, options: Options) -> dict[int, float]:
    """By size, the latency of one item in one process, ms."""
    sizes = frozenset(options.geometry.sizes)
    return {p.size: p.latency_ms for p in table.points if p.batch == p.processes == 1 and p.size in sizes}


def _smallest(service: Service, triplets: Triplets) -> int | None:
    return min(
        (gpcs_of(size) for size, point in triplets.best.items() if point.throughput >= service.rate), default=None
    )
