"""What the demands cost at given prices of the sizes: a bound that no plan can beat, exact in integers.

Let an instance of size s have a price p[s] >= 0 such that no GPU's instances are worth more than 1 together.
Then any plan takes at least as many GPUs as its instances are worth, and each service's instances are worth
at least its cheapest cover (Lagrangian relaxation of the five rows that couple the services).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands, HighClass
from controller.allocator.optimal.layouts import GpuShapes, Ints

UNIT = 1 << 36  # a GPU's worth: prices are whole multiples of 1 / UNIT GPU, so that sums are exact


@dataclass(frozen=True, eq=False, slots=True)
class Priced:
    """The demands at some prices."""

    prices: Ints  # (sizes,) in 1 / UNIT GPU
    value: int  # lower bound on GPUs, in 1 / UNIT
    used: Floats  # (sizes,): instances in the cheapest covers; value <= prices · used at any prices
    cheapest: Ints  # (covers,): index of the cheapest cover from this one on, in its class

    @property
    def bound(self) -> int:
        """GPUs that any plan takes at least."""
        return -(-self.value // UNIT)


def whole_prices(wanted: Floats, shapes: GpuShapes) -> Ints:
    """The prices in whole units, scaled down where a GPU's instances would be worth more than 1."""
    nonnegative = np.maximum(wanted, 0.0)
    worth = float((shapes.counts @ nonnegative).max())
    prices: Ints = np.floor(nonnegative / max(worth, 1.0) * UNIT).astype(np.int64)
    assert int((shapes.counts @ prices).max()) <= UNIT, "rounded down: a sum of whole numbers below UNIT + 1"
    return prices


def price(demands: Demands, prices: Ints) -> Priced:
    """The bound at these prices, and the covers that make it."""
    covers = demands.covers
    cost = covers.counts @ prices
    cheapest = cheapest_from(cost, covers.of_class)
    value = int((demands.proving * cost[cheapest]).sum())
    used = (np.bincount(cheapest, weights=demands.proving, minlength=len(cost)) @ covers.counts).astype(np.float64)
    if demands.high:
        worth, instances = _fluid(demands.high, prices)
        value += worth
        used += instances
    return Priced(prices, value, used, cheapest)


def cheapest_from(cost: Ints, of_class: Ints) -> Ints:
    """(covers,): index of the cheapest cover from each on, in its class: a running minimum from the back.

    All classes at once: each is lifted above all earlier ones, so the minimum never comes from a later class.
    """
    if not len(cost):
        return of_class
    lifted = (cost + of_class * (int(cost.max()) + 1))[::-1]
    least = np.minimum.accumulate(lifted)
    new = np.concatenate([[True], least[1:] < least[:-1]])
    place = np.maximum.accumulate(np.where(new, np.arange(len(cost)), 0))
    found: Ints = len(cost) - 1 - place[::-1]
    return found


def _fluid(high: Sequence[HighClass], prices: Ints) -> tuple[int, Floats]:
    """Worth and instances (sizes,) of the rates if segments could be cut at will: never more than of whole ones."""
    throughput = np.array([one.throughput for one in high])
    per_item = np.divide(prices, throughput, out=np.full(throughput.shape, np.inf), where=throughput > 0)
    size = per_item.argmin(axis=1)
    rates = np.array([one.rate for one in high])
    number = rates / throughput[np.arange(len(high)), size] * (1 - 1e-12)  # below the true quotient, as it may round
    instances: Floats = np.bincount(size, weights=number, minlength=len(prices)).astype(np.float64)
    return int((number * prices[size]).astype(np.int64).sum()), instances
