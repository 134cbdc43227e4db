"""Light workloads share segments in turns of the live plane."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import allocator
from controller.allocator.types import HALF
from controller.model import Serve, Workload
from controller.ports import Decision
from controller.reconcile import Options, decide, preview
from controller.tenants import throughput_for, workloads_of
from controller.xds.routes import routes
from tests.strategies_reconcile import digest, light_workloads, workload, workloads
from tests.unit.controller.reconcile.sharing_plane import SLOW, changed, lights, names, settled, shared
from tests.unit.controller.reconcile.world import OPTIONS, SHARING, World, world


def test_light_workloads_share_a_segment() -> None:
    """It bears the group's name and no digest; each tenant has its own, and its rate; all are ready and routed."""
    plane = settled(*lights("abc"), changed(workload("d", 5.0), exclusive=True))
    (segment,) = shared(plane)
    assert names(plane.store.state.segments) == [("a", "b", "c"), ("d",)]
    assert segment.workload.startswith("shared-")
    assert (segment.model_digest, segment.processes, segment.max_queue_delay_us) == ("", 1, 0)
    assert {(t.model_digest, t.throughput, t.priority >= 1) for t in segment.tenants} == {(digest(1), 5.0, True)}
    for one in plane.store.state.workloads:
        assert {c.type: c.status for c in one.status.conditions} == {"Planned": True, "Ready": True}
        assert (one.status.planned_segments, one.status.ready_segments) == (1, 1)
    by_name = {route.name: [group.segment for group in route.groups] for route in routes(plane.store.state)}
    assert by_name["a"] == by_name["b"] == by_name["c"] == [segment.id] != by_name["d"]


@SLOW
@given(
    st.lists(st.one_of(light_workloads, workloads), min_size=1, max_size=8),
    st.lists(st.tuples(light_workloads, st.integers(1, 12)), max_size=5),
    st.integers(1, 4),
)
def test_every_workload_is_served_once(first: list[Workload], then: list[tuple[Workload, int]], gpus: int) -> None:
    """No plan has a workload in two groups, or in one and alone; who is not short has its rate; and it settles."""
    plane = world(1, gpus, options=SHARING)
    plane.store.apply(*first)
    for asked, steps in then:
        for _ in range(steps):
            plane.step()
            _assert_served_once(plane)
        plane.store.apply(asked)
    plane.settle()
    _assert_served_once(plane)
    assert decide(plane.store.state, plane.store.now, plane.options) == Decision()


def _assert_served_once(plane: World) -> None:
    plan = plane.store.state.last_plan
    assert plan is not None
    staying = [one for one in plan.segments if one.action != "remove"]
    groups = Counter(name for one in staying if one.tenants for name in workloads_of(one))
    alone = {one.workload for one in staying if not one.tenants}
    assert all(count == 1 for count in groups.values())
    assert alone.isdisjoint(groups)
    short = {one.workload for one in plan.shortfalls}
    planned = {w.name: w for w in plane.store.state.workloads if w.generation == w.status.observed_generation}
    for name, asked in planned.items():
        given_it = sum(throughput_for(one, name) for one in staying)
        assert name in short or given_it >= asked.spec.rate * (1 - 1e-9)
    assert all(one.serve is Serve.WHOLE for one in staying if one.tenants)


@SLOW
@given(
    st.lists(light_workloads, min_size=2, max_size=8),
    st.lists(st.tuples(st.one_of(light_workloads, st.sampled_from("abcdef")), st.integers(1, 12)), max_size=8),
    st.integers(1, 5),
)
def test_make_before_break_of_groups(first: list[Workload], then: list[tuple[Workload | str, int]], slow: int) -> None:
    """Workloads come, change and go while groups are still made: who stays keeps what is asked for and was there."""
    plane = world(4, 4, slow=slow, options=SHARING)
    plane.store.apply(*first)
    plane.settle()
    for doing, steps in then:
        floor = {w.name: min(w.spec.rate, plane.capacity(w.name)) for w in plane.store.state.workloads}
        plane.store.delete(doing) if isinstance(doing, str) else plane.store.apply(doing)
        asked = {w.name: w.spec.rate for w in plane.store.state.workloads}
        for _ in range(steps):
            plane.step()
            for name in floor.keys() & asked.keys():
                assert plane.capacity(name) >= min(floor[name], asked[name]) * (1 - 1e-9)
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)
    plane.settle()


def test_to_shared_segments_and_back() -> None:
    """Sharing is turned on and off on a plane that serves: no workload is ever under its rate."""
    plane = world(2, 2, options=replace(SHARING, share=False))
    plane.store.apply(*lights("abcd"))
    plane.settle()
    for options in (SHARING, replace(SHARING, share=False)):
        plane.options = options
        for _ in range(40):
            plane.step()
            assert all(plane.capacity(name) >= 5.0 for name in "abcd")
        plane.settle()
        assert bool(shared(plane)) == options.share
        assert all(one.tenants or not options.share for one in plane.store.state.segments)
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)


def test_on_a_full_gpu_nothing_is_broken_to_share() -> None:
    """Seven alone on one GPU stay where they are; the eighth finds room because some share then."""
    plane = world(1, 1, options=replace(SHARING, share=False))
    plane.store.apply(*lights("abcdefg"))
    plane.settle()
    before = {one.id for one in plane.store.state.segments}
    assert len(before) == 7
    plane.options = SHARING
    plane.settle()
    assert {one.id for one in plane.store.state.segments} == before
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)
    plane.store.apply(workload("h", 5.0))
    plane.settle()
    assert shared(plane)
    assert plane.store.state.last_plan is not None
    assert plane.store.state.last_plan.shortfalls == ()
    assert all(plane.capacity(name) >= 5.0 for name in "abcdefgh")


def test_a_lost_gpu_takes_every_tenant_and_all_are_made_elsewhere() -> None:
    """The event names them; each is degraded, then ready again."""
    plane = settled(*lights("abc"), gpus=1)
    (before,) = shared(plane)
    host = next(host for host in plane.hosts if host.name == before.node)
    plane.health(host, 0, healthy=False)
    plane.step()
    assert all(plane.capacity(name) == 0 for name in "abc")
    assert any(e.reason == "SegmentLost" and "a, b, c" in e.message for e in plane.store.events)
    assert {c.reason for w in plane.store.state.workloads for c in w.status.conditions if c.type == "Ready"} == {
        "DEGRADED"
    }
    plane.settle()
    assert [one.node for one in shared(plane)] != [before.node]
    assert all(plane.capacity(name) >= 5.0 for name in "abc")


def test_each_tenant_is_said_to_be_short() -> None:
    """A group without room is a shortfall of each of its workloads, under their own names."""
    plane = settled(*lights("abc"), hosts=0, gpus=0)
    plan = plane.store.state.last_plan
    assert plan is not None
    assert sorted((one.workload, one.reason) for one in plan.shortfalls) == [(name, "NO_GPUS") for name in "abc"]
    assert {c.reason for w in plane.store.state.workloads for c in w.status.conditions} == {"NO_GPUS"}


def test_a_workload_may_be_named_as_a_group_is() -> None:
    """Neither is taken for the other, whichever was there first."""
    plane = settled(*lights("ab"))
    (group,) = shared(plane)
    plane.store.apply(workload(group.workload, 7.0))
    plane.settle()
    assert names(plane.store.state.segments) == sorted([("a", "b"), (group.workload,)])
    assert plane.capacity(group.workload) >= 7.0
    assert group.id in {one.id for one in shared(plane)}
    plane.store.delete("a", "b")
    plane.settle()
    plane.store.apply(*lights("ab"))
    plane.settle()
    assert all(one.workload != group.workload for one in shared(plane))


def test_a_preview_is_what_the_turn_then_plans() -> None:
    """With groups as without."""
    plane = settled(*lights("ab"))
    would_be = preview(plane.store.state, lights("cd"), ["a"], now=plane.store.now, options=plane.options)
    plane.store.apply(*lights("cd"))
    plane.store.delete("a")
    made = plane.turn().plan
    assert made is not None
    assert [(s.tenants, s.gpu_uuid, s.start, s.action) for s in would_be.segments] == [
        (s.tenants, s.gpu_uuid, s.start, s.action) for s in made.segments
    ]


def test_what_sharing_does_not_go_with_is_refused() -> None:
    """It needs the optimal planner and the queueing rule."""
    with pytest.raises(ValueError, match="share needs algorithm optimal"):
        replace(SHARING, algorithm=allocator.PARVAGPU)
    with pytest.raises(ValueError, match="share needs slo_model queueing"):
        Options(algorithm=allocator.OPTIMAL, planner=allocator.Options(slo_model=HALF), share=True)
    assert not OPTIONS.share
