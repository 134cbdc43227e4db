"""Demand matching: how many optimal segments a rate needs, and the one smaller segment that ends it.

Source: ParvaGPU (SC24, arXiv 2409.14447), second stage of the configurator.
"""

from fractions import Fraction

from controller.allocator.covering import due
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Point, Segment, Service


def segments_needed(service: Service, triplets: Triplets) -> int:
    """How many segments demand matching emits."""
    return _optimal_count(service, triplets) + 1


def demand_matching(service: Service, triplets: Triplets) -> list[Segment]:
    """Optimal segments while more than one is needed, then the smallest size that covers the rest.

    The sum of throughputs is at least what is due, exactly: the sums are done in fractions.
    """
    optimal = as_segment(service, triplets.optimal)
    return [optimal] * _optimal_count(service, triplets) + [last_segment(service, triplets)]


def last_segment(service: Service, triplets: Triplets) -> Segment:
    """The smallest size that covers what the optimal segments leave."""
    rest = Fraction(due(service.rate)) - _optimal_count(service, triplets) * Fraction(triplets.optimal.throughput)
    return next(
        as_segment(service, point) for _, point in sorted(triplets.best.items()) if Fraction(point.throughput) >= rest
    )


def as_segment(service: Service, point: Point) -> Segment:
    """A segment of the service that runs at the point."""
    return Segment(
        service=service.name,
        size=point.size,
        batch=point.batch,
        processes=point.processes,
        throughput=point.throughput,
        latency_ms=point.latency_ms,
        revision=service.revision,
    )


def _optimal_count(service: Service, triplets: Triplets) -> int:
    """floor(due / best), one fewer if it divides exactly: the last segment is never empty."""
    exact = Fraction(due(service.rate)) / Fraction(triplets.optimal.throughput)
    return -(-exact.numerator // exact.denominator) - 1
