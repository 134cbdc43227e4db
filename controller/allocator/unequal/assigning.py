"""Which stock serves which service: a programme over covers that are near the cheapest at the best prices.

Variables: one per service and cover, GPUs per layout, GPUs beyond a stock's count. As a linear programme it
splits at most as many services as there are rows that couple them (a basic solution has no more positive
variables than rows), so rounding moves only those. As an integer programme it is exact where it has every
cover whose reduced cost is within the gap (reduced-cost fixing: no better plan uses another).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.highs import Effort, Expired, GrowingLp, Rows, minimize
from controller.allocator.optimal.layouts import Ints
from controller.allocator.unequal.choices import HUGE, Choices, OnStock
from controller.allocator.unequal.prices import SURCHARGE, Priced

NEAREST = 4  # covers of a service on a stock in the linear programme
CHUNK = 400  # services of one linear programme; each chunk has its share of the counts
MOST_COLUMNS, MOST_NODES = 4_000, 2_000
NEARLY = 0.99

Assignment = tuple[int, ...]  # the stock of each service


@dataclass(frozen=True, eq=False, slots=True)
class _Columns:
    """Covers to choose from."""

    service: Ints
    stock: Ints
    counts: tuple[Floats, ...]  # (sizes of its stock,) each


def rounded(found: Choices, priced: Priced, kept_back: Sequence[int]) -> Assignment:
    """Each service on the stock that the linear programme serves most of it from.

    `kept_back`: by stock, GPUs of its count that the programme does without, as room for what it cuts at will.
    """
    choice = priced.valued.choice.copy()
    total = max(float(priced.valued.worth.min(axis=0).sum()), 1.0) if len(choice) else 1.0
    chunks = max(1, -(-len(choice) // CHUNK))
    for part in range(chunks):
        members = np.arange(part, len(choice), chunks)
        share = float(priced.valued.worth[:, members].min(axis=0).sum()) / total
        columns = _columns(found, priced, members, nearest=NEAREST)
        solved = GrowingLp(*_as_lp(_programme(found, columns, members, share, kept_back))).solve()
        if solved is not None:
            choice[members] = _most(columns, members, solved[1], len(found.stocks))
    return tuple(choice.tolist())


def exact(found: Choices, priced: Priced, gap: float, unit: float, expired: Expired) -> tuple[Assignment, float] | None:
    """The cheapest assignment with a cost by `gap` above the bound at most, and that cost; None: not found out.

    Costs are multiples of `unit`.
    """
    members = np.arange(len(found.names))
    columns = _columns(found, priced, members, within=gap / found.scale * (1 + 1e-6) + len(members))
    if len(columns.service) > MOST_COLUMNS:
        return None
    cost, rows = _programme(found, columns, members, 1.0, [0] * len(found.stocks))
    solved = minimize(cost, rows, Effort(expired, MOST_NODES, gap=unit * NEARLY))
    if solved is None or not solved.finished:
        return None
    return tuple(_most(columns, members, solved.x, len(found.stocks)).tolist()), float(cost @ solved.x)


def _most(columns: _Columns, members: Ints, x: Floats | Ints, stocks: int) -> Ints:
    """(members,): the stock with the largest part of each."""
    part = np.zeros((len(members), stocks))
    at = np.searchsorted(members, columns.service)
    np.add.at(part, (at, columns.stock), x[: len(columns.service)])
    found: Ints = part.argmax(axis=1)
    return found


def _columns(
    found: Choices, priced: Priced, members: Ints, *, nearest: int | None = None, within: float = np.inf
) -> _Columns:
    """Of each member on each stock the `nearest` covers, or all `within` so much of its cheapest, in price units."""
    service, stock, counts = [], [], []
    cheapest = priced.valued.worth.min(axis=0)
    wanted = np.zeros(len(found.names), dtype=bool)
    wanted[members] = True
    for row, one in enumerate(found.stocks):
        cost = one.demands.covers.counts @ priced.prices[row]
        for position, number in enumerate(one.index.tolist()):
            if wanted[number] and priced.valued.worth[row, number] < HUGE:
                for some in _covers(one, cost, position, priced.prices[row], float(cheapest[number]) + within, nearest):
                    service.append(number)
                    stock.append(row)
                    counts.append(some)
    return _Columns(np.array(service, dtype=np.int64), np.array(stock, dtype=np.int64), tuple(counts))


def _covers(
    one: OnStock, cost: Ints, position: int, prices: Ints, limit: float, nearest: int | None
) -> Iterator[Floats]:
    """(sizes,) each; of a rate too high to enumerate, its cheapest throughput cut at will."""
    covers, first = one.demands.covers, int(one.demands.first[position])
    if first < 0:
        yield _cut_at_will(one, position, prices)
        return
    stop = int(covers.starts[covers.of_class[first] + 1])
    order = first + np.argsort(cost[first:stop], kind="stable")
    order = order[:nearest] if nearest is not None else order[cost[order] <= limit]
    yield from covers.counts[order].astype(np.float64)


def _cut_at_will(one: OnStock, position: int, prices: Ints) -> Floats:
    high = next(high for high in one.demands.high if position in high.members)
    sizes = np.flatnonzero(high.throughput)
    size = sizes[np.argmin(prices[sizes] / high.throughput[sizes])]
    found = np.zeros(len(high.throughput))
    found[size] = float(one.demands.rates[position]) / high.throughput[size] * (1 - 1e-12)
    return found


def _programme(
    found: Choices, columns: _Columns, members: Ints, share: float, kept_back: Sequence[int]
) -> tuple[Floats, Rows]:
    """Rows: each member once; on each stock enough instances of each size, and GPUs up to its share of the count."""
    layouts = [len(one.shapes.counts) for one in found.stocks]
    sizes = [len(one.shapes.sizes) for one in found.stocks]
    chosen, gpus, stocks = len(columns.service), sum(layouts), len(found.stocks)
    matrix = np.zeros((len(members) + sum(sizes) + stocks, chosen + gpus + stocks))
    matrix[np.searchsorted(members, columns.service), np.arange(chosen)] = 1.0
    begins = len(members) + np.concatenate([[0], np.cumsum(sizes)])
    for column, (row, counts) in enumerate(zip(columns.stock.tolist(), columns.counts, strict=True)):
        matrix[begins[row] : begins[row + 1], column] = -counts
    cost = np.zeros(matrix.shape[1])
    high = [np.ones(len(members)), np.full(sum(sizes), np.inf)]
    at = chosen
    for row, one in enumerate(found.stocks):
        matrix[begins[row] : begins[row + 1], at : at + layouts[row]] = one.shapes.counts.T
        matrix[begins[-1] + row, at : at + layouts[row]] = 1.0
        matrix[begins[-1] + row, chosen + gpus + row] = -1.0
        cost[at : at + layouts[row]] = one.stock.cost_per_hour
        cost[chosen + gpus + row] = SURCHARGE * one.stock.cost_per_hour
        most = np.inf if one.stock.count is None else max(0, one.stock.count - kept_back[row]) * share
        high.append(np.array([most]))
        at += layouts[row]
    low = np.concatenate([np.ones(len(members)), np.zeros(sum(sizes)), np.full(stocks, -np.inf)])
    upper = np.concatenate([np.ones(chosen), np.full(gpus + stocks, np.inf)])
    return cost, Rows(matrix, low, np.concatenate(high), upper)


def _as_lp(programme: tuple[Floats, Rows]) -> tuple[Floats, Rows]:
    """GrowingLp maximises."""
    return -programme[0], programme[1]


def costs_unit(costs: Sequence[float]) -> float:
    """The largest number that every cost is a multiple of; costs as they are written in decimals."""
    exact_costs = [Fraction(repr(cost)) for cost in costs]
    below = lcm(*(one.denominator for one in exact_costs))
    return float(Fraction(gcd(*(int(one * below) for one in exact_costs)), below))
