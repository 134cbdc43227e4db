"""Optimal triplet decision: the best (size, batch, processes) of a service, and the best of each size.

Source: ParvaGPU (SC24, arXiv 2409.14447), first stage of the configurator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from common.mig import gpcs_of
from controller.allocator.slo.queueing import derated
from controller.allocator.types import QUEUEING, Options, Point, ProfileTable, Service


@dataclass(frozen=True, slots=True)
class Triplets:
    """The points that meet a service's SLO at the highest throughput."""

    optimal: Point  # highest throughput per GPC over all sizes
    best: Mapping[int, Point]  # by size, ascending: highest throughput of that size


def latency_limit(service: Service, options: Options) -> float:
    """What a batch's latency must stay under, milliseconds, by the paper's rule."""
    return options.latency_share * service.slo_ms


def allowed_points(service: Service, table: ProfileTable, options: Options) -> list[Point]:
    """The points within the service's process, batch and memory limits, by size, batch, processes.

    A wide instance has the measurements of the plain one of its GPCs, and is used where that has too little memory.
    """
    batch = service.max_batch
    processes = {size: most_processes(service, size, options) for size in options.geometry.sizes}
    points = [point for point in table.points if batch is None or point.batch <= batch]
    found = [point for point in points if point.processes <= processes.get(point.size, 0)]
    for wide in [size for size in processes if size != gpcs_of(size)]:
        plain = gpcs_of(wide)
        found += [
            replace(point, size=wide)
            for point in points
            if point.size == plain and processes[plain] < point.processes <= processes[wide]
        ]
    return found


def widened(options: Options, services: Iterable[Service]) -> Options:
    """With wide instances (1g.20gb) as sizes of their own where a service's processes may need their memory.

    A plan made with these has the widened geometry; who re-plans gives the GPUs the same one.
    """
    geometry = options.geometry
    wide = [profile for profile in geometry.profiles if profile.wide]
    needed = any(
        options.processes_for(service) * service.memory_mb > geometry.default(profile.gpcs).memory_mb
        and service.memory_mb <= profile.memory_mb
        for service in services
        for profile in wide
    )
    return replace(options, geometry=replace(geometry, with_wide=True)) if needed else options


def most_processes(service: Service, size: int, options: Options) -> int:
    """How many processes of the service an instance of the size may run and, as far as is known, has memory for."""
    most = options.processes_for(service)
    if service.memory_mb <= 0:
        return most
    return int(min(most, options.geometry.default(size).memory_mb // service.memory_mb))


def fast_points(service: Service, table: ProfileTable, options: Options) -> list[Point]:
    """The allowed points that hold the SLO; by the queueing rule, each at the rate up to which it does."""
    points = allowed_points(service, table, options)
    if options.slo_model == QUEUEING and not service.derated:
        return derated(points, service.slo_ms, options)
    limit = latency_limit(service, options)
    return [point for point in points if point.latency_ms < limit]


def optimal_triplet_decision(service: Service, table: ProfileTable, options: Options) -> Triplets | None:
    """The service's triplets, or None where no point is fast enough; the first wins a tie."""
    fast = fast_points(service, table, options)
    if not fast:
        return None
    best = _best_of_each_size(fast)
    return Triplets(optimal=max(best.values(), key=lambda point: point.throughput / gpcs_of(point.size)), best=best)


def _best_of_each_size(points: Iterable[Point]) -> dict[int, Point]:
    best: dict[int, Point] = {}
    for point in points:
        known = best.get(point.size)
        if known is None or point.throughput > known.throughput:
            best[point.size] = point
    return best
