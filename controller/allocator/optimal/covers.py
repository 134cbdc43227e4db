"""Covers: every worthwhile way to serve a rate, as counts of instances per size.

Services whose best points are the same form a class. A class's covers, ascending by throughput, serve all
its rates at once: a rate is covered by every cover from some index on. A cover is left out where one of its
instances can go, or give way to smaller ones in its place, and every rate is still covered: a plan stays a
plan then, on the same GPUs, so the optimum is untouched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from controller.allocator.optimal.layouts import GpuShapes, Ints

Floats = npt.NDArray[np.float64]

NEAR = 1e-12  # relative, well above the error of a float sum: what is closer to a rate is compared exactly
MOST_COVERS = 5_000  # of one class


@dataclass(frozen=True, eq=False, slots=True)
class ClassCovers:
    """The covers of one class, ascending by throughput."""

    counts: Ints  # (covers, sizes)
    throughput: Floats  # (covers,) items/s
    spare: Floats  # (covers,): of rates up to throughput - spare, the cover is never worthwhile
    first: Ints  # (rates,): index of the first cover of each rate; all from there on cover it too


def class_covers(throughput: Floats, rates: Floats, shapes: GpuShapes) -> ClassCovers:
    """The covers of all the rates; `throughput` (sizes,) is 0 where the class has no such size."""
    give = _least_given_up(throughput, shapes)
    counts = _enumerate(throughput, give, float(rates.max()))
    covers = _sorted(counts, throughput, give)
    first = _first_covers(covers, throughput, rates)
    return _worthwhile(covers, first, rates)


def most_rate(throughput: Floats, shapes: GpuShapes, most_covers: int = MOST_COVERS) -> float:
    """Up to this rate a class has about so many covers at most: the volume of the simplex that they fill."""
    useful = throughput[_least_given_up(throughput, shapes) > 0]
    volume = most_covers * float(np.prod(useful * np.arange(1, len(useful) + 1)))
    return float(volume ** (1 / len(useful))) - float(useful.sum()) / 2


def worthwhile_only(throughput: Floats, shapes: GpuShapes) -> Floats:
    """(sizes,): the throughput, 0 for sizes whose instances can always give way to smaller ones in their place."""
    return np.where(_least_given_up(throughput, shapes) > 0, throughput, 0.0)


def _least_given_up(throughput: Floats, shapes: GpuShapes) -> Floats:
    """(sizes,): throughput lost at least when an instance goes or is split; 0 for a size that is never worthwhile."""
    ways = np.concatenate(shapes.splits) @ throughput
    best = np.maximum.reduceat(ways, np.cumsum([0, *map(len, shapes.splits[:-1])]))
    lost: Floats = np.maximum(throughput - best, 0.0)
    for size in np.flatnonzero(np.abs(throughput - best) < NEAR * throughput):
        most = max(_exactly(way, throughput) for way in shapes.splits[size])
        lost[size] = NEAR * throughput[size] if most < Fraction(float(throughput[size])) else 0.0
    return lost


def _exactly(counts: Ints, throughput: Floats) -> Fraction:
    return sum((int(n) * Fraction(float(t)) for n, t in zip(counts, throughput, strict=True)), Fraction())


def _enumerate(throughput: Floats, give: Floats, most: float) -> Ints:
    """(covers, sizes): every multiset of worthwhile sizes that is minimal for some rate up to `most`."""
    counts: Ints = np.zeros((1, len(throughput)), dtype=np.int64)
    total = np.zeros(1)
    for size in np.flatnonzero(give)[::-1]:
        one = throughput[size]
        rungs = int(most * (1 + NEAR) / one) + 2
        ladder = np.arange(rungs)
        grown = total[:, None] + one * ladder
        row, number = np.nonzero((grown - one < most * (1 + NEAR)) | (ladder == 0))
        counts, total = counts[row], grown[row, number]
        counts[:, size] = number
    return counts[1:]  # the first is empty


def _sorted(counts: Ints, throughput: Floats, give: Floats) -> ClassCovers:
    total = counts @ throughput
    order = np.argsort(total, kind="stable")
    counts, total = counts[order], total[order]
    spare = np.where(counts > 0, give, np.inf).min(axis=1)
    return ClassCovers(counts, total, spare, np.empty(0, dtype=np.int64))


def _first_covers(covers: ClassCovers, throughput: Floats, rates: Floats) -> Ints:
    """Index of each rate's first cover; near-ties are put in their exact order, in place."""
    low: Ints = np.searchsorted(covers.throughput, rates * (1 - NEAR)).astype(np.int64)
    high = np.searchsorted(covers.throughput, rates * (1 + NEAR))
    doubtful = np.flatnonzero(low != high)
    if not len(doubtful):
        return low
    for start, stop in _runs(low[doubtful], high[doubtful]):
        sums = [_exactly(row, throughput) for row in covers.counts[start:stop]]
        order = sorted(range(stop - start), key=sums.__getitem__)
        for column in (covers.counts, covers.throughput, covers.spare):
            column[start:stop] = column[start:stop][order]
        ascending = [sums[at] for at in order]
        for index in doubtful[(low[doubtful] >= start) & (high[doubtful] <= stop)]:
            rate = Fraction(float(rates[index]))
            low[index] = start + sum(covered < rate for covered in ascending)
    return low


def _runs(low: Ints, high: Ints) -> Iterator[tuple[int, int]]:
    """The union of the index ranges, as ranges that do not overlap."""
    ranges = sorted(zip(low.tolist(), high.tolist(), strict=True))
    start, stop = ranges[0]
    for next_start, next_stop in ranges[1:]:
        if next_start < stop:
            stop = max(stop, next_stop)
        else:
            yield start, stop
            start, stop = next_start, next_stop
    yield start, stop


def _worthwhile(covers: ClassCovers, first: Ints, rates: Floats) -> ClassCovers:
    """Without the covers that no rate at hand makes worthwhile."""
    demanded = np.bincount(first, minlength=len(covers.throughput)).cumsum()
    ordered = np.sort(rates)
    above = np.searchsorted(ordered, (covers.throughput - covers.spare) * (1 - NEAR))  # rates below the interval
    keep = demanded > above
    moved = np.cumsum(keep) - 1 + ~keep  # where a first cover that is not kept leads: to the next kept one
    return ClassCovers(covers.counts[keep], covers.throughput[keep], covers.spare[keep], moved[first])


@dataclass(frozen=True, eq=False, slots=True)
class Covers:
    """All classes' covers, one after another."""

    counts: Ints  # (covers, sizes)
    throughput: Floats
    spare: Floats
    of_class: Ints  # (covers,)
    starts: Ints  # (classes + 1,): where each class begins


def joined(classes: Sequence[ClassCovers], sizes: int) -> Covers:
    """The classes' covers end to end; a class's `first` indices move up by its start."""
    lengths = [len(one.throughput) for one in classes]
    return Covers(
        counts=np.concatenate([np.zeros((0, sizes), dtype=np.int64), *(one.counts for one in classes)]),
        throughput=np.concatenate([np.zeros(0), *(one.throughput for one in classes)]),
        spare=np.concatenate([np.zeros(0), *(one.spare for one in classes)]),
        of_class=np.repeat(np.arange(len(classes)), lengths),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def appended(blocks: Sequence[Covers]) -> Covers:
    """The classes of all, numbered on."""
    classes = np.cumsum([0, *(len(one.starts) - 1 for one in blocks)])
    covers = np.cumsum([0, *(len(one.throughput) for one in blocks)])
    numbered = list(zip(blocks, classes, covers, strict=False))
    return Covers(
        counts=np.concatenate([one.counts for one in blocks]),
        throughput=np.concatenate([one.throughput for one in blocks]),
        spare=np.concatenate([one.spare for one in blocks]),
        of_class=np.concatenate([one.of_class + before for one, before, _ in numbered]),
        starts=np.concatenate([[0], *(one.starts[1:] + before for one, _, before in numbered)]).astype(np.int64),
    )
