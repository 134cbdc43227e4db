"""The demands in numbers: services grouped into classes, each with its covers and where its rate begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from controller.allocator.configuration import Servable
from controller.allocator.covering import due
from controller.allocator.optimal.covers import (
    MOST_COVERS,
    ClassCovers,
    Covers,
    Floats,
    class_covers,
    joined,
    most_rate,
    worthwhile_only,
)
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Service

MOST_COVERS_IN_ALL = 2_000_000
OUTLIERS, MOST_FOR_OUTLIERS = 0.1, 20_000  # a class with a smaller share of high rates may have so many covers


@dataclass(frozen=True, eq=False, slots=True)
class HighClass:
    """Services of one class whose rates have too many covers to enumerate."""

    members: Ints  # indices of the services
    triplets: Triplets
    throughput: Floats  # (sizes,), 0 where there is no such size or none is ever worthwhile
    rates: Floats  # (members,): what is due

    @property
    def rate(self) -> float:
        """Of all together."""
        return float(self.rates.sum())


@dataclass(frozen=True, eq=False, slots=True)
class Demands:
    """Services 0..n-1 and their covers; a cover index counts over all classes."""

    shapes: GpuShapes
    services: Sequence[Service]
    triplets: Sequence[Triplets]
    rates: Floats  # (services,): what is due of each, items/s; a cover gives no less
    covers: Covers
    first: Ints  # (services,): index of the first cover; of a high one -1, or of what peeling leaves of it
    peeled: Ints  # (services, sizes): segments set aside for the high ones
    weight: Ints  # (covers,): services whose first cover this is
    proving: Ints  # (covers,): the same without the high ones, whose covers are not all that are worthwhile
    high: tuple[HighClass, ...]
    enumerated: int  # classes with every worthwhile cover; each one after is of one high service


def demands(servable: Servable, shapes: GpuShapes) -> Demands:
    """The covers of all services but the high ones."""
    services = [service for service, _ in servable.values()]
    triplets = [found for _, found in servable.values()]
    rates_due = np.array([due(service.rate) for service in services])
    first = np.full(len(services), -1, dtype=np.int64)
    blocks: list[ClassCovers] = []
    high = []
    begin = 0
    classes = list(_classes(triplets, shapes))
    fair = MOST_COVERS_IN_ALL // max(len(classes), 1)
    for members, found, throughput in classes:
        rates = rates_due[members]
        above = rates > most_rate(throughput, shapes, min(MOST_COVERS, fair))
        if above.mean() < OUTLIERS:
            above = rates > most_rate(throughput, shapes, min(MOST_FOR_OUTLIERS, fair))
        if above.any():
            useful = worthwhile_only(throughput, shapes)
            high.append(HighClass(members[above], found, useful, rates[above]))
        if not above.all():
            blocks.append(class_covers(throughput, rates[~above], shapes))
            first[members[~above]] = begin + blocks[-1].first
            begin += len(blocks[-1].throughput)
    weight = np.bincount(first[first >= 0], minlength=begin)
    peeled = np.zeros((len(services), len(shapes.sizes)), dtype=np.int64)
    covers = joined(blocks, len(shapes.sizes))
    return Demands(
        shapes, services, triplets, rates_due, covers, first, peeled, weight, weight, tuple(high), len(blocks)
    )


def _classes(triplets: Sequence[Triplets], shapes: GpuShapes) -> Iterator[tuple[Ints, Triplets, Floats]]:
    """(members, triplets, throughput (sizes,)) of each class."""
    by_triplets: dict[int, list[int]] = {}
    for index, found in enumerate(triplets):
        by_triplets.setdefault(id(found), []).append(index)
    for members in by_triplets.values():
        found = triplets[members[0]]
        best = [found.best.get(size) for size in shapes.sizes]
        yield np.array(members), found, np.array([point.throughput if point else 0.0 for point in best])
