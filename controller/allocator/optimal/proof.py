"""The proof where prices alone leave a gap: the whole programme, less what provably cannot matter.

A plan of one GPU less than the best leaves only so much over its bound; a cover that costs more than that
above its service's cheapest cannot stand in it. With all others given, a solver that ends without a better
plan has shown that there is none.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import Effort, Expired, minimize
from controller.allocator.optimal.layouts import Ints
from controller.allocator.optimal.pricing import UNIT, Priced
from controller.allocator.optimal.programme import Packing, Programme, cheapest_lots
from controller.allocator.optimal.swaps import groups, near_pairs, swapped

MOST_COLUMNS, MOST_PAIRS, MOST_FREE = 800, 200_000, 100
NODES = 300
SURELY = 1 + 1e-5  # of a rate: beyond the solver's tolerance


def prove(demands: Demands, priced: Priced, best: Packing, expired: Expired) -> Packing:
    """The best plan with a bound raised to it, or a better plan, or what was given where it is too much to try.

    Services whose covers are too many to enumerate enter with a variable for each size.
    """
    if len(_high(demands)) > MOST_FREE:
        return best
    most_extra = (best.total - 1) * UNIT - priced.value
    lots = cheapest_lots(demands.proving, priced)
    pairs = near_pairs(demands, lots, priced.prices, most_extra)
    if len(pairs.lot) > MOST_PAIRS:
        return best
    chosen = groups(lots, pairs)
    columns = sum(len(group.differences) for group in chosen) + len(demands.shapes.sizes) * len(_high(demands))
    if columns > MOST_COLUMNS:
        return best
    base: Ints = lots.weight @ demands.covers.counts[lots.cover]
    for asked in (1.0, SURELY):  # the rates themselves for the bound; a hair more where the solver falls a hair short
        programme = Programme(demands.shapes, base, chosen, best.lower, free=_shares(demands) / asked)
        found = minimize(programme.cost, programme.rows, Effort(expired, NODES, target=best.lower + 0.5))
        if found is None:
            return best
        gpus, numbers = programme.parts(found.x)
        total = int(gpus.sum())
        if found.finished and asked == 1:
            best = replace(best, lower=max(best.lower, min(total, best.total)))
        if total >= best.total:
            return best
        direct = dict(zip(_high(demands), programme.instances(found.x), strict=True))
        if all(_covers(demands, service, counts) for service, counts in direct.items()):
            return Packing(gpus, swapped(lots, chosen, numbers), best.lower, direct)
    return best


def _high(demands: Demands) -> list[int]:
    return [int(index) for one in demands.high for index in one.members]


def _throughput(demands: Demands, service: int) -> list[float]:
    """(sizes,): items/s of one instance, 0 where there is no point of the size."""
    best = demands.triplets[service].best
    return [best[size].throughput if size in best else 0.0 for size in demands.shapes.sizes]


def _shares(demands: Demands) -> Floats:
    """(high services, sizes): the share of the rate that one instance covers."""
    shares = [np.array(_throughput(demands, one)) / demands.rates[one] for one in _high(demands)]
    return np.array(shares).reshape(-1, len(demands.shapes.sizes))


def _covers(demands: Demands, service: int, counts: Ints) -> bool:
    """Whether the rate is covered exactly, beyond the solver's tolerance."""
    each = _throughput(demands, service)
    covered = sum(int(n) * Fraction(t) for n, t in zip(counts, each, strict=True))
    return covered >= Fraction(float(demands.rates[service]))
