"""Which services may share a segment, and what each asks of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.mig import gpcs_of
from controller.allocator.configuration import configure
from controller.allocator.covering import covers
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.sharing.batching import executions
from controller.allocator.types import Options, ProfileTable, Service

LATENCY_MARGIN = 1.1  # executions take up to so many times the measured latency
MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Light:
    """A service that one segment has room to spare for."""

    service: Service
    latencies_ms: Mapping[int, tuple[float, ...]]  # by size: of 1, 2, ... items in one execution, as measured
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
        latencies = _by_size(service, profiles[service.model], options)
        alone = _smallest(service, triplets)
        if latencies and alone:
            found.append(Light(service, latencies, alone, service.memory_mb or options.tenant_memory_mb))
    return found


def _by_size(service: Service, table: ProfileTable, options: Options) -> dict[int, tuple[float, ...]]:
    by_size = {size: executions(table, size, service.slo_ms, service.max_batch) for size in options.geometry.sizes}
    return {size: latencies for size, latencies in by_size.items() if latencies}


def _smallest(service: Service, triplets: Triplets) -> int | None:
    return min(
        (gpcs_of(size) for size, point in triplets.best.items() if covers(point.throughput, service.rate)), default=None
    )
