"""What xDS says of a snapshot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import Endpoint, Segment, Serve, State
from controller.ports import Snapshot
from controller.tenants import Tenant
from controller.xds.routes import WEIGHT_SUM, hosts, resolved, routes, scaled
from tests.fakes.plane import empty_snapshot
from tests.strategies_reconcile import digest, workload

READY = (Endpoint("10.0.0.1", 8001, ready=True), Endpoint("10.0.0.1", 8002, ready=True))


def segment(name: str, *, throughput: float = 100.0, state: State = State.READY, version: int = 1) -> Segment:
    """A segment of workload "w" with two processes."""
    return Segment(
        id=name,
        workload="w",
        node="n0",
        gpu_uuid="GPU-0",
        gpu_index=0,
        start=0,
        gpcs=1,
        memory_slices=1,
        profile="1g.10gb",
        batch=1,
        processes=2,
        throughput=throughput,
        latency_ms=1.0,
        model_digest=digest(version),
        state=state,
        endpoints=READY,
    )


def snapshot(*segments: Segment, serve: Serve = Serve.WHOLE, version: int = 1) -> Snapshot:
    """A snapshot with workload "w" asking for 100 requests per second."""
    return replace(empty_snapshot(), workloads=(workload("w", 100.0, serve=serve, version=version),), segments=segments)


@given(st.lists(st.floats(1e-3, 1e9), max_size=50))
def test_weights_are_whole_and_their_sum_is_taken(capacities: list[float]) -> None:
    """Weights are integers of at least 1 whose sum a client accepts."""
    weights = scaled(capacities)
    assert all(weight >= 1 for weight in weights)
    assert sum(weights) < WEIGHT_SUM


@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=20))
def test_weights_keep_proportions(capacities: list[float]) -> None:
    """Weights are in proportion to capacities, to a thousandth of each or to one weight, whichever is more."""
    weights = scaled(capacities)
    for capacity, weight in zip(capacities, weights, strict=True):
        assert weight / sum(weights) == pytest.approx(capacity / sum(capacities), rel=2e-3, abs=2 / sum(weights))


@pytest.mark.parametrize("state", [s for s in State if s not in (State.READY, State.FAILED)])
def test_only_what_serves_is_announced(state: State) -> None:
    """Segments that are planned, made, drained or removed get no calls, whatever their endpoints say."""
    (route,) = routes(snapshot(segment("a"), segment("b", state=state)))
    assert [group.segment for group in route.groups] == ["a"]


def test_ready_processes_of_a_failed_segment_serve_on_with_less_weight() -> None:
    """While one of two processes is replaced the other gets half of the segment's calls."""
    half = replace(segment("b", state=State.FAILED), endpoints=(READY[0], replace(READY[1], ready=False)))
    (route,) = routes(snapshot(segment("a"), half))
    assert [len(group.endpoints) for group in route.groups] == [2, 1]
    assert route.groups[0].weight == 2 * route.groups[1].weight


def test_workload_without_ready_segments_has_an_empty_route() -> None:
    """A workload that nobody answers for is known all the same."""
    (route,) = routes(snapshot())
    assert (route.name, route.groups) == ("w", ())


def test_tails_of_one_bundle_only() -> None:
    """A tail workload's clients reach tails of one bundle: the new one's once they can take the rate."""
    old, new = segment("old"), segment("new", version=2, throughput=99.0)
    (route,) = routes(snapshot(old, new, serve=Serve.WHOLE, version=2))
    assert len(route.groups) == 2
    tails = [replace(each, serve=Serve.TAIL) for each in (old, new)]
    (route,) = routes(snapshot(*tails, serve=Serve.TAIL, version=2))
    assert [group.segment for group in route.groups] == ["old"]
    enough = [tails[0], replace(tails[1], throughput=100.0)]
    (route,) = routes(snapshot(*enough, serve=Serve.TAIL, version=2))
    assert [group.segment for group in route.groups] == ["new"]


def test_hosts_without_an_address_are_left_out() -> None:
    """Clients take IP addresses only: names are replaced, and endpoints whose name has none are not announced."""
    named = tuple(replace(end, host=host) for end, host in zip(READY, ("gpu-1", "gpu-2"), strict=True))
    (route,) = routes(snapshot(replace(segment("a"), endpoints=named)))
    assert hosts([route]) == {"gpu-1", "gpu-2"}
    ((group,),) = (resolved(route, {"gpu-1": "10.0.0.7"}).groups,)
    assert [end.host for end in group.endpoints] == ["10.0.0.7"]
    assert resolved(route, {}).groups == ()


def test_each_tenant_of_a_shared_segment_is_sent_there_by_its_own_share() -> None:
    """Beside a segment of its own a workload's weights are of what it is given on each; others see the shared only."""
    tenants = (Tenant("w", digest(1), 4, 1, 25.0, 4.0), Tenant("v", digest(2), 1, 64, 5.0, 4.0))
    shared = replace(segment("b", throughput=30.0), workload="shared-1", model_digest="", tenants=tenants)
    two = (*snapshot().workloads, workload("v", 5.0, version=2))
    found = routes(replace(snapshot(segment("a"), shared), workloads=two))
    by_name = {route.name: {group.segment: group.weight for group in route.groups} for route in found}
    assert by_name["w"]["a"] == 4 * by_name["w"]["b"]
    assert by_name["v"].keys() == {"b"}
    assert "shared-1" not in by_name
