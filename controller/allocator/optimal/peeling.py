"""Rates too high to enumerate: most of each is served in the proportions of the linear programme.

What is then left of a rate is covered by base instances and a mix of the other sizes; the covers near the
cheapest are few, and the integer programmes that follow choose among them.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from controller.allocator.optimal.covers import NEAR, Covers, Floats, appended
from controller.allocator.optimal.demands import Demands, HighClass
from controller.allocator.optimal.highs import GrowingLp, Rows
from controller.allocator.optimal.layouts import Ints
from controller.allocator.optimal.mixes import Mixes, mixes
from controller.allocator.optimal.pricing import Priced
from controller.allocator.optimal.programme import cheapest_lots, used_by


@dataclass(frozen=True, slots=True)
class Breadth:
    """How many covers to look at."""

    rest: int  # segments' worth of a rate that is left to mixes
    mixes: int
    nearest: int  # covers of each service, the cheapest


USUAL = Breadth(rest=12, mixes=500, nearest=24)
# For the few classes that the linear programme serves from several sizes: there, any mix of these costs the same.
BETWEEN = Breadth(rest=40, mixes=4000, nearest=60)
MOST_BETWEEN = 2000  # services
SHARE = 0.5  # of a base's price, that a mix may cost more
AT_ONCE = 1 << 22  # surcharges


def peeled(demands: Demands, priced: Priced) -> Demands:
    """With covers, for the high services, of what is left of them."""
    shares = _shares(demands, priced)
    first, aside = demands.first.copy(), demands.peeled.copy()
    blocks, begin = [demands.covers], len(demands.covers.throughput)
    for one, share in zip(demands.high, shares, strict=True):
        aside[one.members], counts = _near(one, share, priced.prices)
        first[one.members] = begin + np.arange(len(one.members)) * counts.shape[1]
        blocks.append(_as_classes(counts, one.throughput))
        begin += len(blocks[-1].throughput)
    return replace(
        demands,
        covers=appended(blocks),
        first=first,
        peeled=aside,
        weight=np.bincount(first, minlength=begin),
        proving=np.append(demands.proving, np.zeros(begin - len(demands.proving), dtype=np.int64)),
        enumerated=len(demands.covers.starts) - 1,
    )


def _shares(demands: Demands, priced: Priced) -> Floats:
    """(high classes, sizes): the share of the class's rate that each size serves when segments can be cut at will."""
    shapes, high = demands.shapes, demands.high
    layouts, sizes = len(shapes.counts), len(shapes.sizes)
    matrix = np.zeros((sizes + len(high), layouts + len(high) * sizes))
    matrix[:sizes, :layouts] = -shapes.counts.T
    for index, one in enumerate(high):
        at = layouts + index * sizes
        matrix[:sizes, at : at + sizes] = np.eye(sizes)
        matrix[sizes + index, at : at + sizes] = -one.throughput / one.rate
    used = used_by(demands, cheapest_lots(demands.weight, priced))
    limit = np.append(-used, -np.ones(len(high))).astype(np.float64)
    upper = [np.where(one.throughput > 0, np.inf, 0.0) for one in high]
    rows = Rows(matrix, np.full(len(limit), -np.inf), limit, np.concatenate([np.full(layouts, np.inf), *upper]))
    # Segments cost a little too, so that spare room on the GPUs is not filled for nothing.
    cost = np.concatenate([-np.ones(layouts), np.tile(-1e-6 * shapes.gpcs, len(high))])
    solved = GrowingLp(cost, rows).solve()
    numbers = np.zeros((len(high), sizes)) if solved is None else solved[1][layouts:].reshape(len(high), sizes)
    return np.array([numbers[index] * one.throughput / one.rate for index, one in enumerate(high)])


def _near(one: HighClass, share: Floats, prices: Ints) -> tuple[Ints, Ints]:
    """((services, sizes) set aside, (services, covers, sizes) of what is left, near the cheapest)."""
    between = np.count_nonzero(share) > 1 and len(one.members) <= MOST_BETWEEN
    breadth = BETWEEN if between else USUAL
    rest = breadth.rest * float(one.throughput[share > 0].max(initial=one.triplets.optimal.throughput))
    tried = mixes(one.throughput, prices, most=breadth.mixes, each=rest, share=SHARE)
    per_size = np.where(one.throughput > 0, share / np.where(one.throughput > 0, one.throughput, 1.0), 0.0)
    aside = np.floor(np.maximum(one.rates - rest, 0.0)[:, None] * per_size).astype(np.int64)
    left = one.rates - aside @ one.throughput
    chosen = _cheapest(tried, left, breadth.nearest)
    counts = tried.counts[chosen]
    counts[:, :, tried.base] = _bases(tried, left[:, None] - tried.throughput[chosen], one.rates)
    _correct(counts, tried.base, one, aside)
    spare = counts.min(axis=1)
    return aside + spare, counts - spare[:, None, :]


def _cheapest(tried: Mixes, left: Floats, nearest: int) -> Ints:
    """(services, covers): the mixes of least surcharge."""
    number, rows = min(nearest, len(tried.dearer)), max(1, AT_ONCE // len(tried.dearer))
    found = []
    for at in range(0, len(left), rows):
        extra = tried.surcharges(left[at : at + rows])
        found.append(np.argpartition(extra, number - 1, axis=1)[:, :number])
    return np.concatenate(found).astype(np.int64)


def _bases(tried: Mixes, left: Floats, rates: Floats) -> Ints:
    """Base instances for what a mix leaves; a remainder within rounding of none is left to `_correct`."""
    found: Ints = np.maximum(np.ceil((left - NEAR * rates[:, None]) / tried.each), 0.0).astype(np.int64)
    return found


def _correct(counts: Ints, base: int, one: HighClass, aside: Ints) -> None:
    """One base instance more, in place, where a cover fails its rate by a hair."""
    total = counts @ one.throughput + (aside @ one.throughput)[:, None]
    for row, column in np.argwhere(np.abs(total - one.rates[:, None]) <= 2 * NEAR * one.rates[:, None]):
        whole = counts[row, column] + aside[row]
        exact = sum(int(n) * Fraction(float(t)) for n, t in zip(whole, one.throughput, strict=True))
        if exact < Fraction(float(one.rates[row])):
            counts[row, column, base] += 1


def _as_classes(counts: Ints, throughput: Floats) -> Covers:
    """Each service's covers as a class of its own; all of them cover what is left of it."""
    services, each, sizes = counts.shape
    flat = counts.reshape(-1, sizes)
    total = flat @ throughput
    return Covers(
        counts=flat,
        throughput=total,
        spare=total,
        of_class=np.repeat(np.arange(services), each),
        starts=np.arange(services + 1, dtype=np.int64) * each,
    )
