"""What covers a rate: to a billionth of it, for every part that asks."""

from fractions import Fraction
from math import fsum

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator import Gpu, Options, Point, ProfileTable, Running, Service, plan, plan_optimal
from controller.allocator.covering import covers, due
from controller.allocator.moves import replan
from controller.allocator.optimal_triplet_decision import allowed_points, widened
from tests import strategies_allocator as drawn
from tests.plain_programme import fewest_gpus

SLOW = Options(latency_share=1.0, max_processes=3)

Case = tuple[list[Service], dict[str, ProfileTable]]


def _case(points: dict[int, float], *rates: float, memory_mb: float = 0.0) -> Case:
    table = ProfileTable("near", tuple(Point(size, 1, 1, each, 5.0) for size, each in points.items()))
    return [Service(f"s{n}", "near", rate, 1000.0, memory_mb=memory_mb) for n, rate in enumerate(rates)], {
        "near": table
    }


@given(drawn.near_equal())
@example(_case({4: 1 / 3}, 1.0))  # one third is less than a third in floats, and three of them less than 1
@example(_case({2: 25.2 - 4e-15}, 8.4, 25.2 + 4e-15, 10.5, memory_mb=9900.0))
@example(_case({1: 3 / 7, 7: 4 / 7}, 12 / 7, 12 / 7, memory_mb=15_000.0))
@example(_case({1: 1 / 3, 2: 1 / 3, 3: 2 / 3, 4: 2.0, 7: 2 / 3}, 10.00000001, memory_mb=9900.0))  # many covers
@example(_case({1: 0.1, 3: 0.3}, 0.3 / (1 - 1e-9), 0.6))  # at the edge of the tolerance
@settings(max_examples=150, deadline=None)
def test_sums_that_nearly_are_a_rate_count_alike_for_all(case: Case) -> None:
    """Ours, ParvaGPU's, the bounds and another solver: one rule, so the optimum is proven and nobody beats it."""
    services, tables = case
    options = widened(SLOW, services)
    made, simple = plan_optimal(services, tables, options), plan(services, tables, options)
    assert made.unservable == simple.unservable
    able = [one for one in services if one.name not in {refused.service for refused in made.unservable}]
    own = {one.name: ProfileTable(one.name, tuple(allowed_points(one, tables[one.model], options))) for one in able}
    least = fewest_gpus([Service(one.name, one.name, one.rate, one.slo_ms) for one in able], own, options)
    assert simple.lower_bound <= made.lower_bound == least == made.gpus <= simple.gpus
    for planned in (made, simple):
        for one in able:
            given_to = [placed.segment.throughput for placed in planned.placed if placed.segment.service == one.name]
            assert sum(map(Fraction, given_to)) >= Fraction(due(one.rate))
            assert covers(fsum(given_to), one.rate)


@pytest.mark.parametrize(("each", "number"), [(0.7, 3), (1 / 3, 3), (0.1, 3), (1e-3, 7), (1.1, 6)])
def test_so_many_times_a_throughput_is_covered_by_so_many_segments(each: float, number: int) -> None:
    """Though floats may sum to less; two billionths more is one segment more."""
    written = round(each * number, 9)
    for rate, wanted in ((written, number), (written * (1 + 2e-9), number + 1)):
        services, tables = _case({7: each}, rate)
        assert plan(services, tables).gpus == plan_optimal(services, tables).gpus == wanted


def test_what_covers_a_rate_is_held_and_nothing_is_created_beside_it() -> None:
    """Three segments of 0.7 run for 2.1: there is nothing left to plan."""
    services, tables = _case({7: 0.7}, 2.1)
    gpus = [Gpu(f"g{n}", A100_80GB) for n in range(5)]
    first = plan_optimal(services, tables)
    current = [Running(f"r{n}", f"g{one.gpu}", one.start, one.segment) for n, one in enumerate(first.placed)]
    made = replan(services, tables, Options(), current, gpus, planner=plan_optimal, move_price=0.05)
    assert len(current) == 3
    assert made.moves == 0
    assert made.plan.unservable == ()


@given(st.floats(5e-324, 1e300))
def test_something_is_due_of_every_rate(rate: float) -> None:
    """However small; and the rate itself covers it."""
    assert 0 < due(rate) <= rate
    assert covers(rate, rate)
