"""Turns over simulated hosts: whatever happens, it converges, sells no slot twice and keeps serving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import allocator
from controller.model import Serve, State, Workload
from controller.ports import Decision
from controller.reconcile import Options, decide
from controller.tenants import workloads_of
from tests.strategies_reconcile import digest, light_workloads, names, workload, workloads
from tests.unit.controller.reconcile.world import OPTIONS, SHARING, World, world

Act = Callable[[World], None]
hosts = st.integers(0, 2)
PLAIN = (OPTIONS, replace(OPTIONS, algorithm=allocator.OPTIMAL))
ways = st.sampled_from((*PLAIN, SHARING))
any_workloads = st.one_of(workloads, light_workloads)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _on(kind: str, host: int, index: int) -> Act:
    def act(plane: World) -> None:
        chosen = plane.hosts[host % len(plane.hosts)]
        if kind == "disconnect":
            plane.disconnect(chosen)
        elif kind == "connect":
            plane.connect(chosen)
        else:
            plane.health(chosen, index % len(chosen.gpus), healthy=kind == "heal")

    return act


acts: st.SearchStrategy[Act] = st.one_of(
    any_workloads.map(lambda asked: lambda plane: plane.store.apply(asked)),
    names.map(lambda name: lambda plane: plane.store.delete(name)),
    st.builds(_on, st.sampled_from(("disconnect", "connect", "lose", "heal")), hosts, hosts),
    st.integers(1, 40).map(lambda steps: lambda plane: _steps(plane, steps)),
)


def _steps(plane: World, steps: int) -> None:
    for _ in range(steps):
        plane.step()


def _assert_as_wanted(plane: World) -> None:
    """Every workload that the plan serves is ready at its rate; nothing else is left where a host can be told."""
    state = plane.store.state
    short = {s.workload for s in state.last_plan.shortfalls} if state.last_plan else set()
    for each in state.workloads:
        ready = {c.type: c.status for c in each.status.conditions}["Ready"]
        assert ready == (each.name not in short)
        assert each.name in short or plane.capacity(each.name) >= each.spec.rate * (1 - 1e-9)
    told = {host.name for host in plane.hosts if host.online}
    left = [s for s in state.segments if s.state is not State.READY and s.node in told]
    assert not left
    names_wanted = {each.name for each in state.workloads}
    assert all(names_wanted.intersection(workloads_of(s)) for s in state.segments if s.node in told)


@SLOW
@given(st.integers(1, 3), st.integers(1, 3), st.lists(acts, max_size=14), ways)
def test_converges_whatever_happens(count: int, gpus: int, doings: list[Act], options: Options) -> None:
    """After any applies, deletions, lost GPUs and silent hosts the plane settles where it should, and rests there."""
    plane = world(count, gpus, options=options)
    for act in doings:
        act(plane)
        plane.step()
    for host in plane.hosts:  # a host that stays away keeps its segments; let it be away for good or be back
        if not host.online and host.name != "n0":
            plane.connect(host)
    _steps(plane, 40)
    plane.settle()
    _assert_as_wanted(plane)
    assert decide(plane.store.state, plane.store.now, plane.options) == Decision()


@SLOW
@given(
    st.lists(any_workloads, min_size=1, max_size=4),
    st.lists(st.tuples(any_workloads, st.integers(1, 25)), min_size=1, max_size=6),
    st.integers(1, 6),
    ways,
)
def test_make_before_break(
    first: list[Workload], then: list[tuple[Workload, int]], slow: int, options: Options
) -> None:
    """With hardware to spare no change, however soon after another, takes capacity that is asked for and was there."""
    plane = world(6, 8, slow=slow, options=options)
    serve = first[0].spec.serve
    plane.store.apply(*(_alike(each, serve) for each in first))
    plane.settle()
    for asked, steps in then:
        floor = {w.name: min(w.spec.rate, plane.capacity(w.name)) for w in plane.store.state.workloads}
        plane.store.apply(_alike(asked, serve))
        now_asked = {w.name: w.spec.rate for w in plane.store.state.workloads}
        for _ in range(steps):
            plane.step()
            for name, before in floor.items():
                assert plane.capacity(name) >= min(before, now_asked[name]) * (1 - 1e-9)
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)
    plane.settle()


def _alike(asked: Workload, serve: Serve) -> Workload:
    """Served as the others are; another model is another file, so what is measured of it is of no use to the first."""
    status = asked.status
    if asked.spec.model == "large":
        status = replace(status, model_digest=digest(int(status.model_digest[-4:], 16) + 2))
    return replace(asked, spec=replace(asked.spec, serve=serve), status=status)


little = st.builds(
    workload,
    st.just("a"),
    st.floats(1, 150),
    slo_ms=st.sampled_from((10.0, 100.0, 400.0)),
    version=st.integers(1, 3),
)


@SLOW
@given(st.lists(st.tuples(little, st.integers(3, 8)), min_size=2, max_size=7), st.sampled_from(PLAIN))
def test_free_slots_are_used_before_any_is_taken(changes: list[tuple[Workload, int]], options: Options) -> None:
    """While slots enough are free for all that comes, nothing that serves is broken, whatever else still drains."""
    plane = world(1, 2, options=options)
    for asked, steps in changes:
        plane.store.apply(asked)
        _steps(plane, steps)
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)
    plane.settle()
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)


@pytest.mark.parametrize("away_s", [1, 20])
def test_silent_host_within_its_grace_keeps_everything(away_s: int) -> None:
    """A host that is silent within the grace loses nothing, and its coming back changes nothing (scenario 14)."""
    plane = world(2, 1)
    plane.store.apply(workload("a", 300), workload("b", 100))
    plane.settle()
    before = {segment.id for segment in plane.store.state.segments}
    plane.disconnect(plane.hosts[0])
    _steps(plane, away_s)
    plane.connect(plane.hosts[0])
    plane.settle()
    assert {segment.id for segment in plane.store.state.segments} == before


def test_host_away_for_an_hour_is_replaced_and_converges() -> None:
    """A host away for an hour is replaced elsewhere; what runs on it runs on until it can be told (scenario 14)."""
    plane = world(2, 2)
    plane.store.apply(workload("a", 100))
    plane.settle()
    away = next(host for host in plane.hosts if host.running)
    ran = dict(away.running)
    plane.disconnect(away)
    _steps(plane, 120)
    assert away.running == ran
    elsewhere = [s for s in plane.store.state.segments if s.node != away.name]
    assert sum(s.throughput for s in elsewhere if s.state is State.READY) >= 100
    plane.connect(away)
    plane.settle()
    assert not away.running
    assert plane.capacity("a") >= 100


def test_host_away_with_no_room_elsewhere_is_still_served_from() -> None:
    """With no room elsewhere, segments of a host given up stay in service, and the shortfall is said."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 100))
    plane.settle()
    before = plane.capacity("a")
    plane.disconnect(plane.hosts[0])
    _steps(plane, 60)
    assert plane.capacity("a") == before
    plan = plane.store.state.last_plan
    assert plan is not None
    assert [s.reason for s in plan.shortfalls] == ["NO_GPUS"]


def test_lost_gpu_is_fenced_and_replanned() -> None:
    """Segments of a lost GPU leave service in the next turn and are made elsewhere (scenario 20)."""
    plane = world(2, 1)
    plane.store.apply(workload("a", 100))
    plane.settle()
    host = next(host for host in plane.hosts if host.running)
    plane.health(host, 0, healthy=False)
    plane.step()
    assert plane.capacity("a") == 0
    assert any(event.reason == "SegmentLost" and "XID 79" in event.message for event in plane.store.events)
    plane.settle()
    assert plane.capacity("a") >= 100
    assert all(segment.node != host.name for segment in plane.store.state.segments)


def test_more_demand_than_capacity_keeps_what_runs() -> None:
    """A rate that the fleet cannot carry takes nothing from what runs, and the shortfall names the GPUs (9)."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 150), workload("b", 50))
    plane.settle()
    before = {name: plane.capacity(name) for name in "ab"}
    plane.store.apply(workload("a", 100_000))
    for _ in range(30):
        plane.step()
        assert all(plane.capacity(name) >= before[name] for name in "ab")
    plan = plane.store.state.last_plan
    assert plan is not None
    assert [(s.workload, s.reason) for s in plan.shortfalls] == [("a", "INSUFFICIENT_GPUS")]
    assert "more A100-80GB" in plan.shortfalls[0].detail


def test_swap_on_a_full_gpu_breaks_first_and_says_so() -> None:
    """With no slot free a replacement takes its predecessor's: that is drained first, and an event says so."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 900))
    plane.settle()
    plane.store.apply(workload("a", 900, version=2))
    plane.settle()
    assert any(event.reason == "BreakBeforeMake" for event in plane.store.events)
    assert {s.model_digest for s in plane.store.state.segments} == {workload("a", 1, version=2).status.model_digest}


def test_lost_segment_is_made_anew() -> None:
    """A segment that vanished from its host is planned again under its own id and becomes ready."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 50))
    plane.settle()
    host = plane.hosts[0]
    before = set(host.running)
    host.running.clear()
    host.ages.clear()
    host.report(plane.store)
    assert plane.capacity("a") == 0
    plane.settle()
    assert set(host.running) == before
    assert plane.capacity("a") >= 50
