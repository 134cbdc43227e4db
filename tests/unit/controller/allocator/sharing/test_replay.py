"""A shared segment at the load that its bound allows for, replayed in several orders of execution."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.longtail.replay import ORDERS, Load, answered, replay
from controller.allocator import Options, Service, plan
from controller.allocator.sharing import plan_shared
from controller.allocator.sharing.batching import MOST, executions, extra
from controller.allocator.sharing.light import LATENCY_MARGIN
from controller.allocator.types import Tenant
from tests.unit.controller.allocator.sharing.test_plan_shared import TABLES

PAIR = (Tenant("a", 100.0, 1, 6.0, 100.0, 30.0), Tenant("b", 100.0, 1, 3.0, 100.0, 30.0))


@pytest.mark.parametrize("order", ORDERS)
def test_no_more_are_late_than_promised(order: str) -> None:
    """An hour at the peak rate and the margin's latencies, the promise lowered to where a replay can see it."""
    options = Options(attainment=0.99, tenant_memory_mb=800.0)
    services = [Service(f"s{number}", ("quick", "slow")[number % 2], 4.0, 90.0) for number in range(12)]
    segments = [p.segment for p in plan_shared(services, TABLES, options, plan).placed if p.segment.tenants]
    load = Load(options.burstiness, LATENCY_MARGIN)
    runs = {one.name: executions(TABLES[one.model], 1, one.slo_ms) for one in services}
    found = [
        replay(segment.tenants, 60, 1, ORDERS[order], load, [runs[tenant.service] for tenant in segment.tenants])
        for segment in segments
    ]
    assert {segment.size for segment in segments} == {1}
    assert sum(len(segment.tenants) for segment in segments) >= 6
    assert all((ratios > 1).mean() <= 0.01 for ratios in found)
    assert all(len(ratios) > 1000 for ratios in found)


def test_the_same_work_is_done_in_any_order() -> None:
    """Orders change who waits, not how many are served; no answer comes before its own execution."""
    found = {order: replay(PAIR, 1, 7, choose) for order, choose in ORDERS.items()}
    assert len({len(ratios) for ratios in found.values()}) == 1
    assert all(ratios.min() >= 3 / 30 - 1e-9 for ratios in found.values())
    assert found["FIFO"].max() <= max(ratios.max() for ratios in found.values())


def test_an_overload_is_late() -> None:
    """At twelve times the rate the queue grows without bound."""
    assert (replay(PAIR, 1, 7, ORDERS["FIFO"], Load(rate=12.0)) > 1).mean() > 0.9


def test_bursts_keep_the_mean_rate() -> None:
    """Half the time a quarter above it, half as much below."""
    found = replay(PAIR, 60, 7, ORDERS["FIFO"], Load(peak=1.25))
    assert len(found) == pytest.approx(60 * 60 * 200, rel=0.02)


TENANTS = st.lists(st.lists(st.floats(0.5, 1.0), min_size=1, max_size=4), min_size=1, max_size=4)
ARRIVALS = st.lists(st.tuples(st.floats(0, 6), st.integers(0, 3)), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(TENANTS, ARRIVALS, st.sampled_from(sorted(ORDERS)), st.lists(st.integers(1, 99), min_size=4, max_size=4))
def test_nobody_takes_longer_than_the_work_of_single_items_and_what_joins(
    shapes: list[list[float]], gaps: list[tuple[float, int]], order: str, priority: list[int]
) -> None:
    """In any order, with batches: what a request finds, others' work that comes while there is any, and who joins."""
    singles = [3.0 + 4.0 * len(shape) for shape in shapes]
    runs = [
        [single, *accumulate((single * (1 + i * share) for i, share in enumerate(shape[1:], 1)), max)]
        for single, shape in zip(singles, shapes, strict=True)
    ]
    times = list(accumulate(gap for gap, _ in gaps))
    whose = [tenant % len(shapes) for _, tenant in gaps]
    done = answered(times, whose, runs, ORDERS[order], priority)
    works = [singles[one] for one in whose]
    for request, (at, one) in enumerate(zip(times, whose, strict=True)):
        free, later = _free(times, whose, works, request)
        assert done[request] <= free + extra(runs[one])[min(later, MOST - 1)] + 1e-9
        assert done[request] >= at + singles[one]


def _free(times: list[float], whose: list[int], works: list[float], request: int) -> tuple[float, int]:
    """When the work that a request finds, one item after another, is done, and what others bring until then.

    And how many of its tenant come until then.
    """
    free = 0.0
    for at, work in zip(times[:request], works, strict=False):
        free = max(free, at) + work
    free, later = max(free, times[request]), 0
    for number in range(request + 1, len(times)):
        if times[number] > free:
            break
        own = whose[number] == whose[request]
        free, later = (free, later + 1) if own else (free + works[number], later)
    return free, later


def test_what_waits_runs_together() -> None:
    """Three come while the first runs: two of them go together, then the last."""
    assert answered([0, 1, 2, 3], [0] * 4, [(10.0, 12.0)], ORDERS["FIFO"], [1]) == [10, 22, 22, 32]
