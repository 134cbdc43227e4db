"""Which measured points a service may run, which it may not, and what each size would take."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from common.mig import gpcs_of
from controller.allocator.covering import due
from controller.allocator.explain.types import BetterPoint, Points, SizeChoice
from controller.allocator.optimal_triplet_decision import Triplets, allowed_points, fast_points
from controller.allocator.types import HALF, Options, Point, ProfileTable, Service


def counted(service: Service, table: ProfileTable, options: Options) -> Points:
    """How many points each check refuses."""
    allowed = len(allowed_points(service, table, options))
    left = len(fast_points(service, table, options))
    first = Counter(_refusal(point, service, options) for point in table.points)
    named = first["size"] + first["processes"] + first["batch"]
    return Points(
        measured=len(table.points),
        refused_by_size=first["size"],
        refused_by_processes=first["processes"],
        refused_by_batch=first["batch"],
        refused_by_memory=len(table.points) - named - allowed,
        refused_by_slo=allowed - left,
        left=left,
    )


def _refusal(point: Point, service: Service, options: Options) -> str:
    if point.size not in options.geometry.sizes:
        return "size"
    if point.processes > options.processes_for(service):
        return "processes"
    if service.max_batch is not None and point.batch > service.max_batch:
        return "batch"
    return ""


def choices(service: Service, triplets: Triplets, used: Mapping[int, int]) -> tuple[SizeChoice, ...]:
    """Each size's best point, the most throughput per GPC first; `used` is the plan's segments by size."""
    found = []
    for size, point in triplets.best.items():
        segments = math.ceil(Fraction(due(service.rate)) / Fraction(point.throughput))
        found.append(SizeChoice(point, segments, segments * gpcs_of(size), used.get(size, 0)))
    return tuple(sorted(found, key=lambda one: (-one.per_gpc, one.point.size)))


def better_point(service: Service, table: ProfileTable, optimal: Point, options: Options) -> BetterPoint | None:
    """Of the points that the SLO refuses but that beat the optimal triplet per GPC, the fastest.

    By the paper's rule only: under queueing a point's throughput itself depends on the SLO.
    """
    if options.slo_model != HALF or service.derated:
        return None
    beats = _beating(allowed_points(service, table, options), optimal)
    if not beats:
        return None
    fastest = min(beats, key=lambda point: point.latency_ms)
    return BetterPoint(_slo_above(fastest.latency_ms, options.latency_share), fastest)


def _beating(points: Sequence[Point], optimal: Point) -> list[Point]:
    return [one for one in points if one.throughput / gpcs_of(one.size) > optimal.throughput / gpcs_of(optimal.size)]


def _slo_above(latency_ms: float, share: float) -> float:
    """An SLO in tenths of a millisecond, the latency strictly under its share: at most a tenth above the least."""
    return (math.floor(latency_ms / share * 10) + 1) / 10
