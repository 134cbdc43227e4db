"""Why a service cannot be planned at all, each refusal with the number that would change it."""

import math
from collections.abc import Sequence

from common.mig import gpcs_of
from controller.allocator.demand_matching import segments_needed
from controller.allocator.optimal_triplet_decision import Triplets, allowed_points, latency_limit
from controller.allocator.slo.queueing import least_slo_ms
from controller.allocator.types import QUEUEING, Options, Point, ProfileTable, Reason, Service, Unservable


def invalid_demand(service: Service) -> Unservable | None:
    """Refuses a rate or an SLO that is no positive finite number."""
    if not 0 < service.rate < math.inf:
        detail = f"rate must be a finite number above 0, got {service.rate:g} items/s"
        return Unservable(service.name, Reason.RATE_INVALID, detail)
    if not 0 < service.slo_ms < math.inf:
        detail = f"slo_ms must be a finite number above 0, got {service.slo_ms:g}"
        return Unservable(service.name, Reason.SLO_INVALID, detail)
    return None


def no_profile(service: Service) -> Unservable:
    """Refuses a model that was never measured."""
    detail = f"no profile for model {service.model!r}: import one, or name another profile"
    return Unservable(service.name, Reason.NO_PROFILE, detail)


def too_slow(service: Service, table: ProfileTable, options: Options) -> Unservable:
    """Refuses an SLO that no allowed point meets, and names the best latency and the SLO that would do."""
    points = allowed_points(service, table, options)
    if not points:
        return _nothing_allowed(service, options)
    best = min(points, key=lambda point: point.latency_ms)
    if options.slo_model == QUEUEING:
        return _queues_too_long(service, points, best, options)
    would_do = _slo_for(best.latency_ms, options.latency_share)
    detail = (
        f"a batch must take less than {latency_limit(service, options):g} ms "
        f"({options.latency_share:g} of slo_ms {service.slo_ms:g}); the best that {service.model!r} can do is "
        f"{best.latency_ms:g} ms ({_at(best)}): slo_ms {would_do:g} would do"
    )
    return Unservable(service.name, Reason.SLO_UNREACHABLE, detail, best.latency_ms, would_do)


def _queues_too_long(service: Service, points: Sequence[Point], best: Point, options: Options) -> Unservable:
    would_do = math.ceil(least_slo_ms(points, options) * 10) / 10
    detail = (
        f"slo_ms {service.slo_ms:g} leaves no room to queue for {options.attainment * 100:g} % of the requests; "
        f"the best that {service.model!r} can do is {best.latency_ms:g} ms a batch ({_at(best)}): "
        f"slo_ms {would_do:g} would do"
    )
    return Unservable(service.name, Reason.SLO_UNREACHABLE, detail, best.latency_ms, would_do)


def too_many_segments(service: Service, triplets: Triplets, options: Options) -> Unservable | None:
    """Refuses a rate that would take more segments than options allow: most likely a slip of the pen."""
    if service.rate < options.max_segments / 2 * triplets.optimal.throughput:
        return None  # spares the exact sum where the answer is plain
    needed = segments_needed(service, triplets)
    if needed <= options.max_segments:
        return None
    most = options.max_segments * triplets.optimal.throughput
    detail = (
        f"rate {service.rate:g} items/s takes {needed} segments, and one workload may have "
        f"{options.max_segments}: at most {most:g} items/s"
    )
    return Unservable(service.name, Reason.RATE_TOO_HIGH, detail)


def _nothing_allowed(service: Service, options: Options) -> Unservable:
    processes, batch = options.processes_for(service), service.max_batch
    limits = f"at most {processes} processes" + (f" and batch {batch}" if batch is not None else "")
    if service.memory_mb > 0:
        limits += f" and memory_mb {service.memory_mb:g} for each"
    sizes = "/".join(str(size) for size in options.geometry.sizes)
    detail = f"the profile of {service.model!r} has no point with {limits} on a size of {sizes} GPCs"
    return Unservable(service.name, Reason.NO_PROFILE, detail)


def _slo_for(latency_ms: float, share: float) -> float:
    """The least SLO, to a tenth of a millisecond, that the latency stays strictly under its share of."""
    tenths = math.ceil(latency_ms / share * 10)
    while share * (tenths / 10) <= latency_ms:
        tenths += 1
    return tenths / 10


def _at(point: Point) -> str:
    processes = "1 process" if point.processes == 1 else f"{point.processes} processes"
    return f"{gpcs_of(point.size)}g, batch {point.batch}, {processes}"
