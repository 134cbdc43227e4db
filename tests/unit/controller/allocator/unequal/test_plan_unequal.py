"""Plans over unequal GPUs: legal, covering, within the counts, and the cheapest by trying every assignment."""

import math
from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A30, A100_40GB, A100_80GB, H100_80GB, Instance, is_legal
from controller.allocator import Options, Point, ProfileTable, Reason, Service, plan, plan_optimal
from controller.allocator.unequal import FleetPlan, Stock, plan_unequal
from tests.plain_programme import fewest_gpus
from tests.strategies_allocator import profiles, services

OPTIONS = Options(latency_share=1.0, max_processes=1)
BOARDS = (A100_80GB, A30, H100_80GB, A100_40GB)


def table(model: str, per_gpc: float, sizes: tuple[int, ...], growth: float = 0.9) -> ProfileTable:
    """Throughput grows a little less than with the size."""
    return ProfileTable(model, tuple(Point(size, 1, 1, per_gpc * size**growth, 10.0) for size in sizes))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Service], dict[str, dict[str, ProfileTable]], list[Stock]]:
    """Two or three stocks that can all serve two models, and up to four services."""
    boards = draw(st.lists(st.sampled_from(BOARDS), min_size=2, max_size=3, unique=True))
    tables = {
        board.product: {
            model: table(
                model, draw(st.sampled_from((20.0, 37.0, 90.0))), board.sizes, draw(st.sampled_from((0.7, 1.1)))
            )
            for model in ("alpha", "beta")
        }
        for board in boards
    }
    stocks = [Stock(board, None, draw(st.sampled_from((0.5, 1.0, 1.7, 2.5)))) for board in boards]
    rates = draw(st.lists(st.integers(5, 700), min_size=1, max_size=4))
    wanted = [Service(f"s{n}", draw(st.sampled_from(("alpha", "beta"))), float(r), 100.0) for n, r in enumerate(rates)]
    return wanted, tables, stocks


def checked(made: FleetPlan, wanted: list[Service], fleet: list[Stock]) -> FleetPlan:
    """Every plan: legal GPUs of the stock, each rate covered on one stock, counts kept, the bound below the cost."""
    refused = {one.service for one in made.unservable}
    served: dict[str, float] = defaultdict(float)
    where: dict[str, set[int]] = defaultdict(set)
    for row, part in enumerate(made.parts):
        gpus: dict[int, list[Instance]] = defaultdict(list)
        for one in part.plan.placed:
            gpus[one.gpu].append(Instance(part.stock.geometry.default(one.segment.size), one.start))
            served[one.segment.service] += one.segment.throughput
            where[one.segment.service].add(row)
        assert all(is_legal(part.stock.geometry, layout) for layout in gpus.values())
        assert len(gpus) == part.plan.gpus
        assert part.stock.count is None or part.plan.gpus <= part.stock.count
    for service in wanted:
        assert (service.name in served) != (service.name in refused)
        assert service.name in refused or served[service.name] >= service.rate * (1 - 1e-9)
    assert all(len(rows) == 1 for rows in where.values())
    assert made.cost_lower_bound <= made.cost_per_hour * (1 + 1e-9)
    return made


def cheapest(wanted: list[Service], tables: dict[str, dict[str, ProfileTable]], stocks: list[Stock]) -> float:
    """The least cost over all assignments, the GPUs of each counted by another solver."""
    best = math.inf
    for rows in product(range(len(stocks)), repeat=len(wanted)):
        cost = 0.0
        for row, stock in enumerate(stocks):
            own = [service for service, at in zip(wanted, rows, strict=True) if at == row]
            options = Options(latency_share=1.0, max_processes=1, geometry=stock.geometry)
            gpus = fewest_gpus(own, tables[stock.product], options) if own else 0
            cost += math.inf if stock.count is not None and gpus > stock.count else stock.cost_per_hour * gpus
        best = min(best, cost)
    return best


@settings(max_examples=25, deadline=None)
@given(cases())
def test_the_cost_is_the_least_of_all_assignments(case: tuple) -> None:  # type: ignore[type-arg]
    """Small fleets: proven, and what trying every assignment with another solver finds."""
    wanted, tables, stocks = case
    made = checked(plan_unequal(wanted, tables, stocks, OPTIONS), wanted, stocks)
    assert made.cost_per_hour == pytest.approx(cheapest(wanted, tables, stocks))
    assert made.proven_optimal


@settings(max_examples=30, deadline=None)
@given(services(), profiles())
def test_one_stock_is_planned_as_ever(wanted: list[Service], tables: dict[str, ProfileTable]) -> None:
    """One product without a count: the optimal planner's plan, segment for segment."""
    options = Options(max_segments=200)
    made = plan_unequal(wanted, {"A100-80GB": tables}, [Stock(A100_80GB, None, 2.0)], options)
    alone = plan_optimal(wanted, tables, options)
    assert made.parts[0].plan == alone
    assert (made.unservable, made.cost_per_hour) == (alone.unservable, 2.0 * alone.gpus)


@settings(max_examples=25, deadline=None)
@given(
    cases(), st.lists(st.integers(0, 2), min_size=3, max_size=3), st.lists(st.integers(0, 2), min_size=4, max_size=4)
)
def test_counts_are_kept_and_what_is_short_is_said(case: tuple, counts: list[int], ranks: list[int]) -> None:  # type: ignore[type-arg]
    """Few GPUs: who is left out gives way to all of higher priority that fit without it, and is told the need."""
    wanted, tables, stocks = case
    stocks = [Stock(stock.geometry, count, stock.cost_per_hour) for stock, count in zip(stocks, counts, strict=False)]
    wanted = [
        Service(one.name, one.model, one.rate, one.slo_ms, priority=rank)
        for one, rank in zip(wanted, ranks, strict=False)
    ]
    made = checked(plan_unequal(wanted, tables, stocks, OPTIONS), wanted, stocks)
    for one in made.unservable:
        assert one.reason is Reason.INSUFFICIENT_GPUS
        assert "needs" in one.detail
        assert (one.gpus_short or 0) >= 1
    if made.unservable:
        assert cheapest(wanted, tables, stocks) == math.inf
        first = max(wanted, key=lambda one: one.priority)
        alone = cheapest([first], tables, stocks)
        assert alone == math.inf or first.name not in {one.service for one in made.unservable}


def test_a_model_goes_where_it_was_measured() -> None:
    """Of two models, each measured on one product only, each stands there; an unknown one is refused."""
    tables = {
        "A100-80GB": {"alpha": table("alpha", 20.0, A100_80GB.sizes)},
        "A30": {"beta": table("beta", 20.0, A30.sizes)},
    }
    wanted = [Service("a", "alpha", 30.0, 100.0), Service("b", "beta", 30.0, 100.0), Service("c", "none", 1.0, 100.0)]
    made = checked(plan_unequal(wanted, tables, [Stock(A100_80GB), Stock(A30)], OPTIONS), wanted, [])
    assert [{one.segment.service for one in part.plan.placed} for part in made.parts] == [{"a"}, {"b"}]
    assert [(one.service, one.reason) for one in made.unservable] == [("c", Reason.NO_PROFILE)]


def test_the_shortage_names_the_product() -> None:
    """Two A30 of the four that are needed."""
    tables = {"A30": {"beta": table("beta", 10.0, A30.sizes, 1.0)}, "A100-80GB": {}}
    wanted = [Service(f"s{n}", "beta", 40.0, 100.0, priority=n) for n in range(4)]
    made = plan_unequal(wanted, tables, [Stock(A30, 2), Stock(A100_80GB, 5)], OPTIONS)
    assert [one.service for one in made.unservable] == ["s0", "s1"]
    expected = "needs 2 more A30: all workloads take 4 A30, 0 A100-80GB, and there are 2, 5"
    assert [(one.detail, one.gpus_short) for one in made.unservable] == [(expected, 2)] * 2


def test_parvagpu_plans_unequal_gpus_too() -> None:
    """The planner is a choice; the same rules hold."""
    tables = {board.product: {"alpha": table("alpha", 20.0, board.sizes)} for board in (A100_80GB, A30)}
    wanted = [Service(f"s{n}", "alpha", 30.0 + 7 * n, 100.0) for n in range(12)]
    checked(plan_unequal(wanted, tables, [Stock(A100_80GB, 4, 2.0), Stock(A30)], OPTIONS, plan), wanted, [])


def test_bad_stocks_are_refused() -> None:
    """A count below 0, a cost that is none, and no GPUs at all."""
    for count, cost in ((-1, 1.0), (1, 0.0), (1, math.inf), (1, math.nan)):
        with pytest.raises(ValueError, match="must be"):
            Stock(A30, count, cost)
    with pytest.raises(ValueError, match="holds no GPUs"):
        plan_unequal([], {}, [])
