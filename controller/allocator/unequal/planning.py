"""The cheapest GPUs for all services over stocks of different products, each service on one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from controller.allocator.admission import admit, by_priority
from controller.allocator.bounds import least_gpcs
from controller.allocator.configuration import Servable, configure, refuse_repeats
from controller.allocator.optimal.planner import plan_optimal
from controller.allocator.optimal_triplet_decision import widened
from controller.allocator.types import Options, Plan, Reason, Service, Unservable
from controller.allocator.unequal.assigning import Assignment, costs_unit, exact, rounded
from controller.allocator.unequal.choices import Choices, choices
from controller.allocator.unequal.prices import SURCHARGE, Priced, best_prices
from controller.allocator.unequal.types import FleetPlan, Planner, Profiles, Stock, StockPlan

MOST_EXACT = 300  # services up to which the assignment is proven where the bound alone does not
MOST_ROUNDS = 4  # of fitting a rounded assignment into the counts
MOST_EXACT_TRIES = 40  # the same of each try to fit some services

Expired = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What stays the same over all tries."""

    stocks: tuple[Stock, ...]
    servable: tuple[Servable, ...]  # by stock
    services: dict[str, Service]
    profiles: Profiles
    options: Options
    planner: Planner
    expired: Expired


@dataclass(frozen=True, slots=True)
class _Tried:
    """The plans of an assignment, what is wanted beyond the counts, and a bound."""

    plans: tuple[Plan, ...]
    cost: float
    missing: tuple[int, ...]  # GPUs, by stock
    dear: float  # the cost with surcharges for those
    bound: float = 0.0


def plan_unequal(
    services: Sequence[Service],
    profiles: Profiles,
    fleet: Sequence[Stock],
    options: Options | None = None,
    planner: Planner = plan_optimal,
    *,
    expired: Expired = lambda: False,
) -> FleetPlan:
    """The cheapest plan found and a cost that no such plan is below; proven where they are equal.

    `profiles` is by product, then by model; `options.geometry` and `options.max_gpus` are set here. Where GPUs are
    too few, services are admitted by priority, then in their order, and the others told what is short. One stock
    is planned by `planner` as it is. Raises ValueError on a repeated name or an empty fleet.
    """
    refuse_repeats(services)
    stocks = _merged(fleet)
    options = replace(options or Options(), max_gpus=None)
    stocks = tuple(replace(one, geometry=widened(_on(options, one), services).geometry) for one in stocks)
    if len(stocks) == 1:
        return _alone(services, profiles, stocks[0], options, planner)
    able, refused = [], []
    for stock in stocks:
        servable, unservable = configure(services, profiles.get(stock.product, {}), _on(options, stock))
        able.append(servable)
        refused.append({one.service: one for one in unservable})
    known = _Fleet(stocks, tuple(able), {one.name: one for one in services}, profiles, options, planner, expired)
    names = [one.name for one in services if any(one.name in servable for servable in able)]
    why = {one.name: _refusal(one.name, refused) for one in services if one.name not in set(names)}
    tried = _try(known, names)
    if any(tried.missing):
        tried, short = _admitted(known, names, tried)
        why |= short
    why |= {one.service: one for plan in tried.plans for one in plan.unservable}
    parts = tuple(StockPlan(stock, plan) for stock, plan in zip(stocks, tried.plans, strict=True))
    return FleetPlan(parts, tuple(why[one.name] for one in services if one.name in why), tried.bound)


def _alone(
    services: Sequence[Service], profiles: Profiles, stock: Stock, options: Options, planner: Planner
) -> FleetPlan:
    plan = planner(services, profiles.get(stock.product, {}), replace(_on(options, stock), max_gpus=stock.count))
    return FleetPlan((StockPlan(stock, plan),), plan.unservable, plan.lower_bound * stock.cost_per_hour)


def _merged(fleet: Sequence[Stock]) -> tuple[Stock, ...]:
    """Stocks of the same product at the same cost are one."""
    if not fleet:
        raise ValueError("the fleet holds no GPUs")
    found: dict[tuple[object, float], Stock] = {}
    for stock in fleet:
        key = stock.geometry, stock.cost_per_hour
        before = found.get(key, replace(stock, count=0))
        either = (before.count, stock.count)
        found[key] = replace(stock, count=None if None in either else sum(count or 0 for count in either))
    return tuple(found.values())


def _on(options: Options, stock: Stock) -> Options:
    return replace(options, geometry=stock.geometry)


def _refusal(name: str, refused: Sequence[dict[str, Unservable]]) -> Unservable:
    """What a stock that has a profile says, if any has."""
    said = [on_stock[name] for on_stock in refused]
    return next((one for one in said if one.reason is not Reason.NO_PROFILE), said[0])


def _try(known: _Fleet, names: Sequence[str], most_exact: int = MOST_EXACT) -> _Tried:
    """The best of the assignments that the prices point at, proven or improved while the fleet is small."""
    if not names:
        return _planned(known, names, ())
    found = choices(list(zip(known.stocks, known.servable, strict=True)), names)
    priced = best_prices(found, known.expired)
    unit = costs_unit([stock.cost_per_hour for stock in known.stocks])
    tried = [*_rounds(known, names, found, priced), *(_planned(known, names, one) for one in _wholly(known, names))]
    best = min(tried, key=lambda one: one.dear)
    bound = _lifted(priced.bound, unit)
    if best.dear > bound * (1 + 1e-9) and len(names) <= most_exact:
        proven = exact(found, priced, best.dear - priced.bound, unit, known.expired)
        if proven is not None:
            better = _planned(known, names, proven[0])
            best = min(best, better, key=lambda one: one.dear)
            bound = max(bound, _lifted(proven[1] - unit / 2, unit))
    return replace(best, bound=min(bound, best.cost))


def _rounds(known: _Fleet, names: Sequence[str], found: Choices, priced: Priced) -> Iterator[_Tried]:
    """Rounded assignments; where rounding wants more GPUs than there are, with so many kept back before it."""
    kept_back = [0] * len(known.stocks)
    seen: set[Assignment] = set()
    for _ in range(MOST_ROUNDS):
        assignment = rounded(found, priced, kept_back)
        if assignment in seen:
            break
        seen.add(assignment)
        tried = _planned(known, names, assignment)
        yield tried
        if not any(tried.missing):
            break
        kept_back = [before + more for before, more in zip(kept_back, tried.missing, strict=True)]


def _wholly(known: _Fleet, names: Sequence[str]) -> list[Assignment]:
    """Everything on one stock, where that can be."""
    return [
        (row,) * len(names)
        for row, servable in enumerate(known.servable)
        if known.stocks[row].count is None and all(name in servable for name in names)
    ]


def _planned(known: _Fleet, names: Sequence[str], assignment: Assignment) -> _Tried:
    plans = []
    for row, stock in enumerate(known.stocks):
        own = [known.services[name] for name, at in zip(names, assignment, strict=True) if at == row]
        plans.append(known.planner(own, known.profiles.get(stock.product, {}), _on(known.options, stock)))
    cost = math.fsum(stock.cost_per_hour * plan.gpus for stock, plan in zip(known.stocks, plans, strict=True))
    missing = tuple(
        0 if stock.count is None else max(0, plan.gpus - stock.count)
        for stock, plan in zip(known.stocks, plans, strict=True)
    )
    surcharge = math.fsum(SURCHARGE * stock.cost_per_hour * n for stock, n in zip(known.stocks, missing, strict=True))
    return _Tried(tuple(plans), cost, missing, cost + surcharge)


def _lifted(bound: float, unit: float) -> float:
    """Costs are multiples of the unit: the least one that is not below the bound."""
    return math.ceil(bound / unit - 1e-9) * unit


def _admitted(known: _Fleet, names: Sequence[str], wanted: _Tried) -> tuple[_Tried, dict[str, Unservable]]:
    """The plan of those that fit, the more important first, and what the others lack."""
    best: dict[tuple[str, ...], _Tried] = {}

    def fits(some: Sequence[str]) -> bool:
        key = tuple(some)
        best[key] = _try(known, key, MOST_EXACT_TRIES)
        return not any(best[key].missing)

    demands = {name: [own[name] for own in known.servable if name in own] for name in names}
    order = by_priority({name: found[0] for name, found in demands.items()})
    least = {name: min(least_gpcs(*one) for one in found) for name, found in demands.items()}
    # A stock without a count is never short.
    room = sum((stock.count or 0) * stock.geometry.compute_slices for stock in known.stocks)
    unlimited = any(stock.count is None for stock in known.stocks)
    admitted = admit(order, least, sum(least.values()) if unlimited else room, fits)
    tried = _try(known, admitted)
    if any(tried.missing):
        tried = best[tuple(admitted)]
    detail = _short(known.stocks, wanted)
    missing = sum(wanted.missing)
    left_out = [name for name in names if name not in set(admitted)]
    return tried, {name: Unservable(name, Reason.INSUFFICIENT_GPUS, detail, gpus_short=missing) for name in left_out}


def _short(stocks: Sequence[Stock], wanted: _Tried) -> str:
    """Which products are short, and what everything takes."""
    needs = [f"{n} more {stock.product}" for stock, n in zip(stocks, wanted.missing, strict=True) if n]
    takes = [f"{plan.gpus} {stock.product}" for stock, plan in zip(stocks, wanted.plans, strict=True)]
    there = ["any number" if stock.count is None else str(stock.count) for stock in stocks]
    return f"needs {' and '.join(needs)}: all workloads take {', '.join(takes)}, and there are {', '.join(there)}"
