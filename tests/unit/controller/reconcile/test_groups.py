"""Groups that share a segment: kept while they hold, ended and made anew otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.reconcile.demand import demands, tables
from controller.reconcile.groups import There, standing
from tests.fakes.plane import advance
from tests.strategies_reconcile import digest, workload
from tests.unit.controller.reconcile.sharing_plane import SLOW, changed, lights, names, settled, shared
from tests.unit.controller.reconcile.world import SHARING, World, world


@SLOW
@given(st.lists(st.floats(0.7, 1.1), min_size=4, max_size=4), st.data())
def test_a_group_is_kept_while_it_holds(factors: list[float], data: st.DataObject) -> None:
    """Rates that change a little, and SLOs that get longer, move nothing: only what each is given changes."""
    plane = settled(*lights("abcd"))
    before = shared(plane)
    rates = {name: 5.0 * factor for name, factor in zip("abcd", factors, strict=True)}
    longer = {name: data.draw(st.sampled_from((100.0, 150.0))) for name in rates}
    plane.store.apply(*(workload(name, rate, slo_ms=longer[name]) for name, rate in rates.items()))
    decision = plane.turn()
    assert (decision.create, decision.transitions, decision.desired) == ((), (), ())
    plane.settle()
    after = shared(plane)
    assert [one.id for one in after] == [one.id for one in before]
    assert {t.workload: t.throughput for one in after for t in one.tenants} == rates
    assert sum(one.throughput for one in after) == pytest.approx(sum(rates.values()))
    assert all(plane.capacity(name) == rate for name, rate in rates.items())


def test_the_groups_of_others_stay_when_one_no_longer_holds() -> None:
    """A tenant that asks for much leaves its group, which is made anew; another group is not touched."""
    plane = settled(*lights("abcdefghijkl"))
    first, second = shared(plane)
    loud = first.tenants[0].workload
    plane.store.apply(workload(loud, 300.0))
    plane.settle()
    assert second.id in {one.id for one in shared(plane)}
    assert first.id not in {one.id for one in shared(plane)}
    assert plane.capacity(loud) >= 300.0


def test_a_new_light_workload_does_not_join() -> None:
    """It starts alone, and shares with the next one that comes."""
    plane = settled(*lights("ab"))
    (group,) = shared(plane)
    plane.store.apply(workload("c", 5.0))
    plane.settle()
    assert names(plane.store.state.segments) == [("a", "b"), ("c",)]
    plane.store.apply(workload("d", 5.0))
    plane.settle()
    assert names(plane.store.state.segments) == [("a", "b"), ("c", "d")]
    assert group.id in {one.id for one in shared(plane)}


def test_groups_are_made_anew_where_that_spares_gpus() -> None:
    """Pairs that came one after another share one segment once another finds no room otherwise."""
    plane = world(1, 1, options=SHARING)
    plane.store.apply(changed(workload("big", 5.0), exclusive=True, memory_mb=35_000.0))
    for pair in ("ab", "cd", "ef"):
        plane.store.apply(*lights(pair))
        plane.settle()
    assert len(shared(plane)) == 3
    plane.store.apply(changed(workload("late", 5.0), exclusive=True, memory_mb=15_000.0))
    plane.settle()
    assert plane.store.state.last_plan is not None
    assert plane.store.state.last_plan.shortfalls == ()
    assert names(shared(plane)) == [tuple("abcdef")]


def test_a_deleted_tenant_leaves_the_others_where_they_are() -> None:
    """Its model stays loaded; coming back as it was it is served at once. The last one takes the segment with it."""
    plane = settled(*lights("abc"))
    (before,) = shared(plane)
    plane.store.delete("b")
    decision = plane.turn()
    assert (decision.create, decision.transitions, decision.desired) == ((), (), ())
    plane.settle()
    assert plane.store.state.last_plan is not None
    assert names(plane.store.state.last_plan.segments) == [("a", "c")]
    assert shared(plane)[0].tenants == before.tenants
    plane.store.apply(workload("a", 6.0))
    plane.turn()
    assert plane.store.state.last_plan.trigger == "changed workload a"
    plane.store.apply(workload("b", 4.0))
    plane.settle()
    assert [one.id for one in shared(plane)] == [before.id]
    assert plane.capacity("b") == 4.0
    plane.store.delete("a", "b", "c")
    plane.settle()
    assert plane.store.state.segments == ()


def test_a_deleted_tenant_that_comes_back_different_ends_the_group() -> None:
    """Another version of its model is served as soon as it is ready; the old group serves the others until then."""
    plane = settled(*lights("abc"))
    (before,) = shared(plane)
    plane.store.delete("b")
    plane.settle()
    plane.store.apply(workload("b", 5.0, version=2))
    plane.settle()
    assert before.id not in {one.id for one in shared(plane)}
    versions = {t.workload: t.model_digest for one in shared(plane) for t in one.tenants}
    assert versions == {"a": digest(1), "b": digest(2), "c": digest(1)}


@pytest.mark.parametrize(
    "wish",
    [{"exclusive": True}, {"min_hosts": 2}, {"priority": 5}, {"rate": 400.0}, {"slo_ms": 9.0}, {"memory_mb": 9e3}],
    ids=lambda wish: next(iter(wish)),
)
def test_who_may_share_no_longer_leaves(wish: dict[str, object]) -> None:
    """For whatever reason: it gets segments of its own, the others share on, and nobody is without meanwhile."""
    plane = settled(*lights("abc"), hosts=3)
    plane.store.apply(changed(workload("b", 5.0), **wish))
    for _ in range(40):
        plane.step()
        assert all(plane.capacity(name) >= 5.0 for name in "abc")
    plane.settle()
    assert names(shared(plane)) == [("a", "c")]
    assert {c.type: c.status for c in plane.store.state.workloads[1].status.conditions}["Ready"]
    assert not any(event.reason == "BreakBeforeMake" for event in plane.store.events)


def test_a_cordoned_gpu_keeps_its_groups() -> None:
    """What shares there goes on, even where one group would do; new ones go elsewhere."""
    plane = settled(*lights("ab"), hosts=1)
    (before,) = shared(plane)
    cordoned = tuple(replace(g, cordoned=g.uuid == before.gpu_uuid) for g in plane.store.state.gpus)
    plane.store._store(gpus=cordoned)
    plane.store.apply(*lights("cd"))
    plane.settle()
    kept, new = sorted(shared(plane), key=lambda one: one.id != before.id)
    assert kept.id == before.id
    assert new.gpu_uuid != before.gpu_uuid


def test_pinned_segments_stay_shared_or_alone() -> None:
    """A pinned shared segment stays while its group holds; who has a pinned one alone does not share."""
    plane = world(1, 2, options=replace(SHARING, share=False))
    plane.store.apply(*lights("abc"))
    plane.settle()
    own = next(one for one in plane.store.state.segments if one.workload == "a")
    _pin(plane, own.id)
    plane.options = SHARING
    plane.settle()
    assert names(plane.store.state.segments) == [("a",), ("b", "c")]
    (group,) = shared(plane)
    _pin(plane, group.id)
    plane.store.apply(*lights("defgh"))
    plane.settle()
    assert {own.id, group.id} <= {one.id for one in plane.store.state.segments}


def _pin(plane: World, identity: str) -> None:
    marked = tuple(replace(one, pinned=one.pinned or one.id == identity) for one in plane.store.state.segments)
    plane.store._store(segments=marked)


def test_of_two_groups_with_a_workload_the_planned_one_stands() -> None:
    """While one replaces the other both run: the last plan's is held on to, the other ends."""
    plane = settled(*lights("abc"))
    (group,) = shared(plane)
    other = replace(group, id="seg-other", workload="shared-other", tenants=group.tenants[:2])
    both = There((other, group), frozenset({group.id}), frozenset("abc"))
    asked = demands(plane.store.state, SHARING.planner)
    (found,) = standing(asked, tables(plane.store.state.profiles), both, SHARING.planner)
    assert found.demand.name == group.workload


def test_a_silent_host_keeps_its_groups() -> None:
    """Within the grace nothing moves; after it all tenants are served elsewhere."""
    plane = settled(*lights("abc"), gpus=1)
    (before,) = shared(plane)
    host = next(host for host in plane.hosts if host.name == before.node)
    plane.disconnect(host)
    plane.settle()
    assert [one.id for one in shared(plane)] == [before.id]
    advance(plane.store, 60)
    for _ in range(20):
        plane.step()
    assert [one.node for one in shared(plane)] == [other.name for other in plane.hosts if other is not host]
    assert all(plane.capacity(name) >= 5.0 for name in "abc")
