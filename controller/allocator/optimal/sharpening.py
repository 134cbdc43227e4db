"""A better bound for rates too high to enumerate: whole instances instead of segments cut at will.

At given prices one size gives the cheapest throughput; call it the base. A cover's worth is that of its
rate at the base's price, and a surcharge: what its other instances cost more than the base would for the
same throughput, and the throughput left over. Covers whose other instances alone cost a base's price more
are no better than the base only, so few need trying, whatever the rate.
"""

from dataclasses import replace

import numpy as np

from controller.allocator.optimal.covers import NEAR, Floats
from controller.allocator.optimal.demands import Demands, HighClass
from controller.allocator.optimal.layouts import Ints
from controller.allocator.optimal.pricing import Priced

MOST_MIXES = 20_000  # of other instances, for one class; beyond it the class keeps its bound
BELOW = 1 - 1e-12  # keeps a float below the true figure, whatever the rounding


def sharpened(demands: Demands, priced: Priced) -> Priced:
    """The same prices with a value that is no lower, still below any plan's."""
    gain = sum(_gain(one, demands, priced.prices) for one in demands.high)
    return replace(priced, value=priced.value + gain)


def _gain(one: HighClass, demands: Demands, prices: Ints) -> int:
    """What the class's services are worth more than at the base's price alone, in 1 / UNIT GPU."""
    sizes = np.flatnonzero(one.throughput)
    each, cost = one.throughput[sizes], prices[sizes].astype(np.float64)
    base = int(np.argmin(cost / each))
    per_item = cost[base] / each[base]
    others = np.arange(len(sizes)) != base
    rates = np.array([demands.services[index].rate for index in one.members.tolist()])
    mixes = _mixes(each[others], np.maximum(cost - per_item * each, 0.0)[others], cost[base], float(rates.max()))
    if mixes is None:
        return 0
    throughput, dearer = mixes
    surcharge = [
        float((dearer + per_item * _left_over(rate - throughput, each[base], NEAR * rate)).min()) for rate in rates
    ]
    return sum(max(int(worth * BELOW) - 1, 0) for worth in surcharge)


def _mixes(each: Floats, dearer: Floats, limit: float, rate: float) -> tuple[Floats, Floats] | None:
    """(throughput, what they cost more) of every mix of the other sizes that costs less more than the limit."""
    throughput, extra = np.zeros(1), np.zeros(1)
    for one, more in sorted(zip(each.tolist(), dearer.tolist(), strict=True), key=lambda pair: -pair[1]):
        most = int(min(limit / more if more > 0 else np.inf, rate / one + 1))
        if most * len(extra) > 50 * MOST_MIXES:
            return None
        ladder = np.arange(most + 1)
        costs = extra[:, None] + more * ladder
        row, number = np.nonzero(costs < limit)
        throughput, extra = throughput[row] + one * number, costs[row, number]
        if len(extra) > MOST_MIXES:
            return None
    return throughput, extra


def _left_over(rest: Floats, base: float, near: float) -> Floats:
    """Throughput that whole base instances give beyond the rest; none where they match it nearly."""
    beyond = np.mod(rest, base)
    left: Floats = np.where((beyond <= near) | (base - beyond <= near), 0.0, base - beyond)
    return left
