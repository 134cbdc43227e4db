"""Where each service can go: its covers on every stock, and what it costs there at given prices of instances.

Let an instance of size s on stock k have a price p[k, s] >= 0, and a GPU of k that is wanted beyond the first
ones free of it a surcharge u[k] >= 0, such that no GPU's instances are worth more than cost[k] + u[k]. Then a
plan costs at least what its services' instances are worth, less u[k] times the count of k: each service at
least its cheapest cover on its cheapest stock (Lagrangian relaxation of the rows that couple the services).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.allocator.configuration import Servable
from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands, demands
from controller.allocator.optimal.layouts import GpuShapes, Ints, gpu_shapes
from controller.allocator.optimal.pricing import cheapest_from
from controller.allocator.unequal.types import Stock

UNIT = 1 << 24  # of the dearest GPU's cost: prices are whole multiples of 1 / UNIT, so that sums are exact


@dataclass(frozen=True, eq=False, slots=True)
class OnStock:
    """What one stock can serve; `index` (its services,) are numbers over all services, high rates included."""

    stock: Stock
    shapes: GpuShapes
    demands: Demands
    index: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Choices:
    """Services 0..n-1 by name on every stock."""

    names: tuple[str, ...]
    stocks: tuple[OnStock, ...]

    @property
    def scale(self) -> float:
        """Cost of one price unit."""
        return max(one.stock.cost_per_hour for one in self.stocks) / UNIT


@dataclass(frozen=True, eq=False, slots=True)
class Valued:
    """All services at some prices."""

    worth: Ints  # (stocks, services): of the cheapest cover there, in price units; HUGE where it cannot go
    choice: Ints  # (services,): the cheapest stock
    total: int  # price units: of every service where it is cheapest
    used: tuple[Floats, ...]  # per stock (sizes,): instances of the services that are cheapest there


HUGE = 1 << 60


def choices(servable: Sequence[tuple[Stock, Servable]], names: Sequence[str]) -> Choices:
    """The covers of the named services on each stock that can serve them."""
    number = {name: index for index, name in enumerate(names)}
    stocks = []
    for stock, on_stock in servable:
        able = {name: found for name, found in on_stock.items() if name in number}
        shapes = gpu_shapes(stock.geometry)
        index = np.array([number[name] for name in able], dtype=np.int64)
        stocks.append(OnStock(stock, shapes, demands(able, shapes), index))
    return Choices(tuple(names), tuple(stocks))


def valued(found: Choices, prices: Sequence[Ints]) -> Valued:
    """Every service at the prices; exact in whole units but for high rates, which are rounded down."""
    count = len(found.names)
    worth = np.full((len(found.stocks), count), HUGE, dtype=np.int64)
    instances = [np.zeros((count, len(one.shapes.sizes))) for one in found.stocks]
    for row, (one, price) in enumerate(zip(found.stocks, prices, strict=True)):
        _of_covers(one, price, worth[row], instances[row])
        _of_high(one, price, worth[row], instances[row])
    choice: Ints = worth.argmin(axis=0)
    used = tuple(np.asarray(each[choice == row].sum(axis=0)) for row, each in enumerate(instances))
    return Valued(worth, choice, int(worth.min(axis=0).sum()) if count else 0, used)


def _of_covers(one: OnStock, price: Ints, worth: Ints, instances: Floats) -> None:
    covers, first = one.demands.covers, one.demands.first
    listed = first >= 0
    if not listed.any():
        return
    cost = covers.counts @ price
    cheapest = cheapest_from(cost, covers.of_class)[first[listed]]
    worth[one.index[listed]] = cost[cheapest]
    instances[one.index[listed]] = covers.counts[cheapest]


def _of_high(one: OnStock, price: Ints, worth: Ints, instances: Floats) -> None:
    """Rates with too many covers to enumerate: as if segments could be cut at will, never worth more."""
    for high in one.demands.high:
        sizes = np.flatnonzero(high.throughput)
        size = sizes[np.argmin(price[sizes] / high.throughput[sizes])]
        for member in high.members.tolist():
            number = float(one.demands.rates[member]) / high.throughput[size] * (1 - 1e-12)
            worth[one.index[member]] = int(number * float(price[size]))
            instances[one.index[member], size] = number
