"""The demands in numbers: services grouped into classes, each with its covers and where its rate begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from controller.allocator.configuration import Servable
from controller.allocator.optimal.covers import (
    MOST_COVERS,
    ClassCovers,
    Covers,
    Floats,
    class_covers,
    joined,
    most_rate,
)
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Service

MOST_COVERS_IN_ALL = 2_000_000
REST = 3  # a rate too high to enumerate is served by optimal segments until at most so many more are needed
REST_EACH = 6  # instances of one size that may serve that rest


@dataclass(frozen=True, eq=False, slots=True)
class Demands:
    """Services 0..n-1 and their covers; a cover index counts over all classes."""

    shapes: GpuShapes
    covers: Covers
    services: Sequence[Service]
    triplets: Sequence[Triplets]
    first: Ints  # (services,): index of the first cover of what is not peeled off
    peeled: Ints  # (services, sizes): segments set aside where the rate is too high to enumerate
    weight: Ints  # (covers,): services whose first cover this is
    proving: Ints  # (covers,): the same without the peeled ones, whose covers are a choice of all
    fluid: tuple[tuple[Floats, float], ...]  # (throughput (sizes,), sum of rates) of the peeled ones, by class
    high: Ints  # the peeled ones' indices: their covers are not all that are worthwhile


def demands(servable: Servable, shapes: GpuShapes) -> Demands:
    """Raises nothing: every rate has a cover."""
    services = [service for service, _ in servable.values()]
    triplets = [found for _, found in servable.values()]
    first = np.zeros(len(services), dtype=np.int64)
    peeled = np.zeros((len(services), len(shapes.sizes)), dtype=np.int64)
    blocks: list[ClassCovers] = []
    proves: list[bool] = []
    fluid = []
    begin = 0
    classes = list(_classes(triplets, shapes))
    most_covers = min(MOST_COVERS, MOST_COVERS_IN_ALL // max(len(classes), 1))
    for members, found, throughput in classes:
        rates = np.array([services[at].rate for at in members])
        above = rates > most_rate(throughput, shapes, most_covers)
        for those, is_high in ((members[~above], False), (members[above], True)):
            if not len(those):
                continue
            if is_high:
                fluid.append((throughput, float(rates[above].sum())))
                rest = _peel(those, services, found, shapes, peeled)
                block = class_covers(throughput, rest, shapes, REST_EACH)
            else:
                block = class_covers(throughput, rates[~above], shapes)
            first[those] = begin + block.first
            begin += len(block.throughput)
            blocks.append(block)
            proves.append(not is_high)
    covers = joined(blocks)
    weight = np.bincount(first, minlength=begin)
    proving = weight * np.array(proves)[covers.of_class]
    high = np.flatnonzero(proving[first] == 0)
    return Demands(shapes, covers, services, triplets, first, peeled, weight, proving, tuple(fluid), high)


def _classes(triplets: Sequence[Triplets], shapes: GpuShapes) -> Iterator[tuple[Ints, Triplets, Floats]]:
    """(members, triplets, throughput (sizes,)) of each class."""
    by_triplets: dict[int, list[int]] = {}
    for index, found in enumerate(triplets):
        by_triplets.setdefault(id(found), []).append(index)
    for members in by_triplets.values():
        found = triplets[members[0]]
        best = [found.best.get(size) for size in shapes.sizes]
        yield np.array(members), found, np.array([point.throughput if point else 0.0 for point in best])


def _peel(members: Ints, services: Sequence[Service], found: Triplets, shapes: GpuShapes, peeled: Ints) -> Floats:
    """Sets optimal segments aside in `peeled` and returns the rates that are left, rounded up."""
    column = shapes.sizes.index(found.optimal.size)
    each = Fraction(found.optimal.throughput)
    rest = np.empty(len(members))
    for row, index in enumerate(members):
        rate = Fraction(services[index].rate)
        number = max(0, -(-rate // each) - REST)
        peeled[index, column] = number
        rest[row] = _rounded_up(rate - number * each)
    return rest


def _rounded_up(exact: Fraction) -> float:
    near = float(exact)
    return near if Fraction(near) >= exact else float(np.nextafter(near, np.inf))
