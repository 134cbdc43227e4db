"""Allocation optimization: empties GPUs that are at most half used by splitting their segments into 2g and 1g.

Source: ParvaGPU (SC24, arXiv 2409.14447), second stage of the allocator. Two departures from the artefact,
both where it would lose capacity: a segment taken off counts for no less than its own throughput, and one
whose service has no 2g or 1g point stays where it is.
"""

from collections.abc import Mapping
from fractions import Fraction

from controller.allocator.demand_matching import as_segment, last_segment
from controller.allocator.fleet import Fleet
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Point, Segment, Service

HALF_USED_GPCS = 4

Servable = Mapping[str, tuple[Service, Triplets]]  # by service name


def allocation_optimization(fleet: Fleet, servable: Servable) -> Fleet:
    """Changes the fleet in place and returns it; no service loses capacity.

    GPUs are visited from the last to the first. A piece put back on the GPU at hand, beyond the slot at
    hand, is visited again, as in the artefact; so is what a service's surplus already covers.
    """
    credit: dict[str, Fraction] = {}
    for gpu in reversed(range(len(fleet))):
        if fleet.used_gpcs(gpu) <= HALF_USED_GPCS:
            _split_segments(fleet, gpu, servable, credit)
    return fleet


def _split_segments(fleet: Fleet, gpu: int, servable: Servable, credit: dict[str, Fraction]) -> None:
    for slot in range(fleet.geometry.slots):
        segment = fleet.segment(gpu, slot)
        if segment is None:
            continue
        service, triplets = servable[segment.service]
        if triplets.best.keys() & {1, 2}:
            fleet.take(gpu, slot)
            owed = credit.get(service.name, Fraction(0)) + _counts_for(service, triplets, segment)
            pieces, credit[service.name] = _pieces(service, triplets, owed)
            for piece in pieces:
                fleet.place(piece)


def _counts_for(service: Service, triplets: Triplets, segment: Segment) -> Fraction:
    """What taking the segment off owes its service.

    The artefact counts every segment that is not of the optimal size as the service's last one, also a
    1g piece that it made itself; the published S5 map has two 1g segments more for it. Kept, to be exact
    as a baseline, but never to the service's loss.
    """
    if segment.size == triplets.optimal.size:
        return Fraction(segment.throughput)
    last = last_segment(service, triplets)
    return Fraction(max(segment.throughput, last.throughput))


def _pieces(service: Service, triplets: Triplets, owed: Fraction) -> tuple[list[Segment], Fraction]:
    """Segments of 2g and 1g that cover what is owed, and what is then owed (at most 0: a surplus)."""
    two, one = triplets.best.get(2), triplets.best.get(1)
    if two is None or one is None:
        only = two or one
        assert only is not None, "asked for only where there is a 1g or a 2g point"
        return _covering(service, only, owed)
    if two.throughput / 2 <= one.throughput:
        return _covering(service, one, owed)
    count = max(0, owed // Fraction(two.throughput))
    last, left = _covering(service, one, owed - count * Fraction(two.throughput))
    return [as_segment(service, two)] * count + last, left


def _covering(service: Service, point: Point, owed: Fraction) -> tuple[list[Segment], Fraction]:
    """As many segments of the point as cover what is owed."""
    count = max(0, -(-owed // Fraction(point.throughput)))
    return [as_segment(service, point)] * count, owed - count * Fraction(point.throughput)
