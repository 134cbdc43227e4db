"""A shared segment at the load that its bound allows for, replayed in three orders of execution."""

import pytest

from bench.longtail.replay import ORDERS, Load, replay
from controller.allocator import Options, Service, plan
from controller.allocator.sharing import plan_shared
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
    found = [replay(segment.tenants, 60, 1, ORDERS[order], load) for segment in segments]
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
