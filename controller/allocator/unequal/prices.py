"""The best prices of instances over all stocks: cutting planes on the concave bound of `choices`.

Source: Kelley's method with in-out steps, as in `optimal.prices`; by Lagrangian duality the value at any prices
that keep the rule of `choices` is a lower bound on the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.highs import Expired, GrowingLp, Rows
from controller.allocator.optimal.layouts import Ints
from controller.allocator.unequal.choices import Choices, Valued, valued

MOST_STEPS = 200
TIGHT = 1e-6  # relative distance of bound and planes at which the prices are as good as the best
STEP = 0.5
SURCHARGE = 100.0  # of a GPU beyond a stock's count, in its cost: dear enough to be the last resort


@dataclass(frozen=True, eq=False, slots=True)
class Priced:
    """The services at some prices."""

    prices: tuple[Ints, ...]  # per stock (sizes,), price units
    x: Floats  # the same and the surcharges, in costs
    valued: Valued
    bound: float  # cost per hour that any plan takes at least, surcharges of GPUs beyond the counts included
    plane: Floats  # bound <= plane · x at any prices


def best_prices(found: Choices, expired: Expired) -> Priced:
    """Until the bound cannot rise, or time is up."""
    best = _priced(found, _first(found))
    planes = _planes(found, best)
    for step in range(MOST_STEPS):
        solved = None if expired() else planes.solve()
        if solved is None or solved[0] - best.bound <= TIGHT * solved[0]:
            break
        x = solved[1][:-1]
        priced = _priced(found, x if step % 4 == 3 else (1 - STEP) * best.x + STEP * x)
        planes.add(np.append(-priced.plane, 1.0), 0.0)
        if priced.bound <= best.bound and step % 4 != 3:
            priced = _priced(found, x)
            planes.add(np.append(-priced.plane, 1.0), 0.0)
        best = max(best, priced, key=lambda one: one.bound)
    return best


def _first(found: Choices) -> Floats:
    """Each GPC at its share of the GPU's cost; no surcharges."""
    shares = [one.stock.cost_per_hour * one.shapes.gpcs / one.shapes.gpcs.max() for one in found.stocks]
    return np.concatenate([*shares, np.zeros(len(found.stocks))])


def _priced(found: Choices, x: Floats) -> Priced:
    """At these prices, scaled down where the surcharges allow no more."""
    prices, surcharges = [], []
    for row, (one, wanted) in enumerate(zip(found.stocks, _split(found, x), strict=True)):
        cost = one.stock.cost_per_hour
        surcharge = min(max(float(x[row - len(found.stocks)]), 0.0), _most_surcharge(one.stock.count, cost))
        worth = float((one.shapes.counts @ wanted).max())
        whole = np.floor(wanted * min(1.0, (cost + surcharge) / max(worth, 1e-300)) / found.scale).astype(np.int64)
        prices.append(whole)
        surcharges.append(max(0.0, float((one.shapes.counts @ whole).max()) * found.scale - cost))
    value = valued(found, prices)
    counts = np.array([float(one.stock.count or 0) for one in found.stocks])
    bound = value.total * found.scale - float(counts @ surcharges)
    at = np.concatenate([*(price * found.scale for price in prices), np.array(surcharges)])
    return Priced(tuple(prices), at, value, bound * (1 - 1e-12), np.concatenate([*value.used, -counts]))


def _split(found: Choices, x: Floats) -> Sequence[Floats]:
    ends = np.cumsum([len(one.shapes.sizes) for one in found.stocks])
    return [np.maximum(part, 0.0) for part in np.split(x, ends)[:-1]]


def _most_surcharge(count: int | None, cost: float) -> float:
    return 0.0 if count is None else SURCHARGE * cost


def _planes(found: Choices, first: Priced) -> GrowingLp:
    """Variables: prices, surcharges, the height; rows: what each layout is worth, then the first plane."""
    stocks = len(found.stocks)
    sizes = [len(one.shapes.sizes) for one in found.stocks]
    columns = sum(sizes) + stocks + 1
    blocks, high = [], []
    for row, one in enumerate(found.stocks):
        block = np.zeros((len(one.shapes.counts), columns))
        block[:, sum(sizes[:row]) : sum(sizes[: row + 1])] = one.shapes.counts
        block[:, sum(sizes) + row] = -1.0
        blocks.append(block)
        high += [one.stock.cost_per_hour] * len(block)
    matrix = np.concatenate([*blocks, np.append(-first.plane, 1.0)[None, :]])
    dear = [_most_surcharge(one.stock.count, one.stock.cost_per_hour) for one in found.stocks]
    upper = np.concatenate([np.full(sum(sizes), np.inf), dear, [np.inf]])
    rows = Rows(matrix, np.full(len(matrix), -np.inf), np.append(np.array(high), 0.0), upper)
    return GrowingLp(np.append(np.zeros(columns - 1), 1.0), rows)
