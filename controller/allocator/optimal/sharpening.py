"""A better bound for rates too high to enumerate: whole instances instead of segments cut at will."""

from dataclasses import replace

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands, HighClass
from controller.allocator.optimal.layouts import Ints
from controller.allocator.optimal.mixes import Mixes, mixes
from controller.allocator.optimal.pricing import Priced

TRIES = ((1000, 0.5), (4000, 1.0))  # mixes of a class at most, of what share of a base's price; the first mostly do
BELOW = 1 - 1e-12  # keeps a float below the true figure, whatever the rounding
AT_ONCE = 1 << 22  # surcharges


def sharpened(demands: Demands, priced: Priced) -> Priced:
    """The same prices with a value that is no lower, still below any plan's."""
    gain = sum(_gain(one, priced.prices) for one in demands.high)
    return replace(priced, value=priced.value + gain)


def _gain(one: HighClass, prices: Ints) -> int:
    """What the class's services are worth more than at the base's price alone, in 1 / UNIT GPU."""
    rates, worth = one.rates, 0
    for most, share in TRIES:
        tried = mixes(one.throughput, prices, most=most, each=float(one.rates.max()), share=share)
        least = _least(tried, rates)
        settled = (least < tried.limit) | (share == TRIES[-1][1])
        # A mix that was not tried costs at least the limit of those that were.
        found = np.minimum(least, tried.limit)[settled] * BELOW - 1
        worth += int(np.maximum(found, 0).astype(np.int64).sum())
        rates = rates[~settled]
        if not len(rates):
            break
    return worth


def _least(tried: Mixes, rates: Floats) -> Floats:
    """(rates,): the least surcharge of a cover."""
    rows = max(1, AT_ONCE // len(tried.dearer))
    return np.concatenate([tried.surcharges(rates[at : at + rows]).min(axis=1) for at in range(0, len(rates), rows)])
