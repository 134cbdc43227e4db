"""What a high rate is served with beside its base: mixes of the other sizes, few whatever the rate.

At given prices one size gives the cheapest throughput; call it the base. A cover costs what its rate costs at
the base's price, and a surcharge: what its other instances cost more than the base would for the same
throughput, and the throughput left over. A mix of others that alone costs a base's price more is no better
than the base only, so few mixes need trying.
"""

from dataclasses import dataclass

import numpy as np

from controller.allocator.optimal.covers import NEAR, Floats
from controller.allocator.optimal.layouts import Ints


@dataclass(frozen=True, eq=False, slots=True)
class Mixes:
    """Every mix of other sizes than the base that costs less more than `limit`; (mixes,) arrays."""

    base: int  # column of the size
    each: float  # items/s of one base instance
    per_item: float  # cost of an item/s of the base, in 1 / UNIT GPU
    counts: Ints  # (mixes, sizes); the first is none
    throughput: Floats
    dearer: Floats  # what they cost more than the base would, in 1 / UNIT GPU
    limit: float

    def surcharges(self, rates: Floats) -> Floats:
        """(rates, mixes): what a cover with the mix costs more than its rate at the base's price.

        Throughput left over that is nearly none, or nearly a whole instance's, counts as none.
        """
        rest = rates[:, None] - self.throughput
        beyond, near = np.mod(rest, self.each), NEAR * rates[:, None]
        left = np.where(rest < 0, -rest, self.each - beyond)
        left[(beyond <= near) & (rest > -near) | (left <= near)] = 0.0
        found: Floats = self.dearer + self.per_item * left
        return found


def mixes(throughput: Floats, prices: Ints, *, most: int, each: float, share: float = 1.0) -> Mixes:
    """At most so many mixes, of throughput `each` of one size at most, and a share of the base's price more.

    Where those are too many, of a lower limit; where even those that cost nothing more are, only the empty mix at
    limit 0. `throughput` (sizes,) is 0 for a size that is not to be used.
    """
    sizes = np.flatnonzero(throughput)
    cost = prices.astype(np.float64)
    base = int(sizes[np.argmin(cost[sizes] / throughput[sizes])])
    per_item = float(cost[base] / throughput[base])
    more = np.maximum(cost - per_item * throughput, 0.0)
    others = sorted((int(size) for size in sizes if size != base), key=lambda size: -more[size])
    limit = float(cost[base]) * share
    found = None
    while found is None and limit >= 1:
        found = _within(throughput, more, others, (limit, each, most))
        limit = limit if found else limit / 2
    counts, dearer = found or (np.zeros((1, len(throughput)), dtype=np.int64), np.zeros(1))
    limit = limit if found else 0.0
    return Mixes(base, float(throughput[base]), per_item, counts, counts @ throughput, dearer, limit)


def _within(
    throughput: Floats, more: Floats, others: list[int], bounds: tuple[float, float, int]
) -> tuple[Ints, Floats] | None:
    """(counts, what they cost more); None where they are too many."""
    limit, each, most = bounds
    counts, dearer = np.zeros((1, len(throughput)), dtype=np.int64), np.zeros(1)
    for size in others:
        dear = float(more[size])
        rungs = int(min(limit / dear if dear > 0 else np.inf, each / throughput[size] + 1)) + 1
        if rungs * len(dearer) > 50 * most:
            return None
        ladder = np.arange(rungs)
        costs = dearer[:, None] + dear * ladder
        row, number = np.nonzero((costs < limit) | (ladder == 0))
        if len(row) > most:
            return None
        counts, dearer = counts[row], costs[row, number]
        counts[:, size] = number
    return counts, dearer
