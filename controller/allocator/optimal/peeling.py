"""Rates too high to enumerate: most of each is served in the proportions of the linear programme.

What is then left of a rate is small enough for covers. Rounding costs each such service less than a segment
of the many that it has, and the integer programmes that follow fit the pieces.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from controller.allocator.optimal.covers import Floats, appended, class_covers, joined
from controller.allocator.optimal.demands import Demands, HighClass
from controller.allocator.optimal.highs import GrowingLp, Rows
from controller.allocator.optimal.layouts import Ints
from controller.allocator.optimal.pricing import Priced
from controller.allocator.optimal.programme import cheapest_lots, used_by
from controller.allocator.types import Service

REST = 3  # optimal segments that cover what is left of a rate
REST_EACH = 6  # instances of one size that may do so instead


def peeled(demands: Demands, priced: Priced) -> Demands:
    """With covers, for the high services, of what is left of them."""
    shares = _shares(demands, priced)
    first, aside = demands.first.copy(), demands.peeled.copy()
    blocks = []
    begin = len(demands.covers.throughput)
    for one, share in zip(demands.high, shares, strict=True):
        rest = _set_aside(one, share, demands, aside)
        blocks.append(class_covers(one.throughput, rest, demands.shapes, REST_EACH))
        first[one.members] = begin + blocks[-1].first
        begin += len(blocks[-1].throughput)
    return replace(
        demands,
        covers=appended(demands.covers, joined(blocks, len(demands.shapes.sizes))),
        first=first,
        peeled=aside,
        weight=np.bincount(first, minlength=begin),
        proving=np.append(demands.proving, np.zeros(begin - len(demands.proving), dtype=np.int64)),
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


def _set_aside(one: HighClass, share: Floats, demands: Demands, aside: Ints) -> Floats:
    """Counts segments into `aside` and returns the rates that are left, rounded up."""
    best = [one.triplets.best.get(size) for size in demands.shapes.sizes]
    each = [Fraction(point.throughput) if point else Fraction() for point in best]
    optimal = demands.shapes.sizes.index(one.triplets.optimal.size)
    margin = (REST - 1) * one.triplets.optimal.throughput
    rest = np.empty(len(one.members))
    for row, index in enumerate(one.members.tolist()):
        service: Service = demands.services[index]
        main = max(service.rate - margin, 0.0)
        counts = [int(part * main / float(t)) if t else 0 for part, t in zip(share, each, strict=True)]
        left = Fraction(service.rate) - sum(n * t for n, t in zip(counts, each, strict=True))
        more = max(0, -(-left // each[optimal]) - REST)
        counts[optimal] += more
        aside[index] = counts
        rest[row] = _rounded_up(left - more * each[optimal])
    return rest


def _rounded_up(exact: Fraction) -> float:
    near = float(exact)
    return near if Fraction(near) >= exact else float(np.nextafter(near, np.inf))
