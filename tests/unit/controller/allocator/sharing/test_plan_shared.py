"""Plans with shared segments: legal, complete, never dearer, and each refusal said for each tenant."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import Instance, is_legal
from controller.allocator import Options, Plan, Point, ProfileTable, Reason, Service, plan, plan_optimal, plan_to_json
from controller.allocator.sharing import Planner, plan_shared
from controller.allocator.sharing.batching import executions, extra
from controller.allocator.sharing.judging import thetas_for
from controller.allocator.sharing.light import LATENCY_MARGIN
from controller.allocator.sharing.waiting import Load, holds
from controller.allocator.types import QUEUEING


def _table(model: str, latency: float) -> ProfileTable:
    sizes, batches = (1, 2, 3, 4, 7), (1, 8)
    points = [
        Point(size, batch, 1, 1000 * batch / (latency * (1 + batch / 8 / size)), latency * (1 + batch / 8 / size))
        for size in sizes
        for batch in batches
    ]
    return ProfileTable(model, tuple(points))


TABLES = {"quick": _table("quick", 4.0), "slow": _table("slow", 18.0)}
SERVICES = st.builds(
    Service,
    name=st.just(""),
    model=st.sampled_from(["quick", "slow", "unknown"]),
    rate=st.floats(0.2, 60),
    slo_ms=st.floats(20, 600),
    priority=st.integers(0, 1),
    memory_mb=st.sampled_from([0.0, 900.0, 30_000.0]),
    exclusive=st.booleans(),
)
FLEETS = st.lists(SERVICES, max_size=14).map(
    lambda drawn: [replace(one, name=f"s{number}") for number, one in enumerate(drawn)]
)


def _tenants(found: Plan) -> list[str]:
    return [tenant.service for placed in found.placed for tenant in placed.segment.tenants]


@settings(max_examples=40, deadline=None)
@given(FLEETS, st.sampled_from([plan, plan_optimal]), st.sampled_from(["half", QUEUEING]))
def test_any_fleet(services: list[Service], planner: Planner, slo_model: str) -> None:
    """Who is served without sharing is with it, in no more GPCs, on legal layouts, each tenant's wait bounded."""
    options = Options(slo_model=slo_model)
    alone, shared = planner(services, TABLES, options), plan_shared(services, TABLES, options, planner)
    assert shared.unservable == alone.unservable
    assert shared.gpcs <= alone.gpcs
    assert shared.lower_bound <= shared.gpus
    tenants = _tenants(shared)
    assert len(tenants) == len(set(tenants))
    own = {placed.segment.service for placed in shared.placed if not placed.segment.tenants}
    assert own.isdisjoint(tenants)
    assert own | set(tenants) == {placed.segment.service for placed in alone.placed}
    assert not {one.name for one in services if one.exclusive} & set(tenants)
    _check_segments(shared, {one.name: one for one in services}, options)


def _check_segments(found: Plan, services: dict[str, Service], options: Options) -> None:
    for gpu in range(found.gpus):
        here = [one for one in found.placed if one.gpu == gpu]
        assert is_legal(found.geometry, [Instance(found.geometry.default(p.segment.size), p.start) for p in here])
    for segment in (placed.segment for placed in found.placed if placed.segment.tenants):
        members = [services[tenant.service] for tenant in segment.tenants]
        latencies = np.array([tenant.latency_ms for tenant in segment.tenants]) * LATENCY_MARGIN
        rates = np.array([one.rate for one in members]) * options.burstiness / 1000
        runs = [executions(TABLES[one.model], segment.size, one.slo_ms) for one in members]
        assert [tenant.batch for tenant in segment.tenants] == [len(run) for run in runs]
        longest = np.array([extra(run) for run in runs]) * LATENCY_MARGIN
        load = Load(rates, latencies, np.array([[one.slo_ms] for one in members]) - longest)
        assert holds(load, thetas_for(load), (1 - options.attainment) * 1.2)  # other thetas than the packing's
        memory = sum(one.memory_mb or options.tenant_memory_mb for one in members)
        assert memory <= found.geometry.default(segment.size).memory_mb
        assert len({one.priority for one in members}) == 1
        assert segment.throughput == pytest.approx(sum(one.rate for one in members))


def _light(count: int, **fields: object) -> list[Service]:
    return [Service(f"s{number}", "quick", 1.0, 400.0, **fields) for number in range(count)]  # type: ignore[arg-type]


def test_light_services_fill_an_instance() -> None:
    """Six of 1,500 MB share 1g; the seventh alone has a segment of its own."""
    found = plan_shared(_light(7), TABLES, Options(), plan)
    assert (found.gpus, found.gpcs, sorted(_tenants(found))) == (1, 2, [f"s{n}" for n in range(6)])


def test_memory_that_is_known_counts_instead() -> None:
    """Seven of 900 MB share one 1g."""
    assert plan_shared(_light(7, memory_mb=900.0), TABLES, Options(), plan).gpcs == 1


def test_exclusive_and_spread_services_share_nothing() -> None:
    """By their own wish, or because their replicas stand on several hosts."""
    for fields in ({"exclusive": True}, {"min_hosts": 2}):
        assert _tenants(plan_shared(_light(3, **fields), TABLES, Options(), plan)) == []


@pytest.mark.parametrize("planner", [plan, plan_optimal])
def test_too_few_gpus_refuse_each_tenant_by_name(planner: Planner) -> None:
    """In the order given, each with how many GPUs are short."""
    found = plan_shared(_light(7), TABLES, Options(max_gpus=0), planner)
    assert [refused.service for refused in found.unservable] == [f"s{n}" for n in range(7)]
    assert {refused.reason for refused in found.unservable} == {Reason.INSUFFICIENT_GPUS}


def test_names_that_look_like_a_stand_in_are_kept_apart() -> None:
    """A service may be named as two others joined."""
    services = [*_light(2), Service("s0+s1", "quick", 1.0, 400.0, exclusive=True)]
    found = plan_shared(services, TABLES, Options(), plan)
    assert sorted(_tenants(found)) == ["s0", "s1"]
    assert [p.segment.service for p in found.placed if not p.segment.tenants] == ["s0+s1"]


def test_the_json_of_a_shared_segment() -> None:
    """Its workload is a list; each tenant's figures stand beside."""
    (segment,) = plan_to_json(plan_shared(_light(2), TABLES, Options(), plan), 1.0)["segments"]
    assert segment["workload"] == ["s0", "s1"]
    assert (segment["batch"], segment["processes"], segment["throughput"]) == (1, 1, 2.0)
    assert segment["tenants"][1] == {
        "workload": "s1",
        "rate": 1.0,
        "slo_ms": 400.0,
        "batch": 8,
        "throughput": 1.0,
        "latency_ms": 4.5,
    }


def test_a_repeated_name_is_refused() -> None:
    """Before anything is planned."""
    services: Sequence[Service] = [*_light(1), *_light(1)]
    with pytest.raises(ValueError, match="s0"):
        plan_shared(services, TABLES, Options(), plan)
