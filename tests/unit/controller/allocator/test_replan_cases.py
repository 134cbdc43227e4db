"""Re-planning, case by case: shared segments, what leaves already, temporary segments, places in a full fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from common.mig import A100_80GB
from controller.allocator import (
    Created,
    Gpu,
    Kept,
    Options,
    Placement,
    Plan,
    Point,
    ProfileTable,
    Running,
    Segment,
    Service,
    plan_optimal,
)
from controller.allocator.moves import Action, Replanned, check_steps, replan, steps
from controller.allocator.moves.hosts import plan_spread
from controller.allocator.sharing import plan_shared

SIZES = (1, 2, 3, 4, 7)
TABLE = ProfileTable("m", tuple(Point(s, b, 1, 100 * s * b**0.3, 10 * b**0.7) for s in SIZES for b in (1, 8)))
TABLES = {"m": TABLE}
GPUS = [Gpu(f"g{number}", A100_80GB, host=f"h{number // 2}") for number in range(6)]


def _shared(services: Sequence[Service], profiles: Mapping[str, ProfileTable], options: Options) -> Plan:
    return plan_shared(services, profiles, options, plan_optimal)


def _after(made: Replanned) -> list[Running]:
    kept = [replace(one.running, segment=one.segment) for one in made.placement.kept]
    new = [Running(f"n{n}", c.gpu, c.start, c.segment) for n, c in enumerate(made.placement.created)]
    return kept + new


def _segment(service: str, size: int, throughput: float = 100.0) -> Segment:
    return Segment(service, size, 8, 1, throughput, 10)


def test_shared_segments_stay_while_their_tenants_ask_for_no_more() -> None:
    """A lower rate moves nothing; a higher one plans its tenants anew, and every rate is met again."""
    services = [Service(f"s{number}", "m", 2.0, 400.0) for number in range(12)]
    first = replan(services, TABLES, Options(), [], GPUS, planner=_shared)
    current = _after(first)
    assert any(one.segment.tenants for one in current)
    lower = [replace(services[0], rate=1.0), *services[1:]]
    assert replan(lower, TABLES, Options(), current, GPUS, planner=_shared).moves == 0
    higher = [replace(services[0], rate=150.0), *services[1:]]
    made = replan(higher, TABLES, Options(), current, GPUS, planner=_shared)
    assert made.moves > 0
    given = {service.name: 0.0 for service in higher}
    for one in _after(made):
        for name, rate in [(t.service, t.throughput) for t in one.segment.tenants] or [
            (one.segment.service, one.segment.throughput)
        ]:
            given[name] += rate
    assert all(given[service.name] >= service.rate * (1 - 1e-9) for service in higher)
    rates = {service.name: service.rate for service in higher}
    assert check_steps(made.steps, current, GPUS, rates).short == {}


def test_what_leaves_is_deleted_before_its_successor_is_created() -> None:
    """A leaving segment serves nobody, and holds its slots until it is gone."""
    gone = Running("old", "g0", 0, _segment("a", 7), leaving=True)
    placement = Placement((), (Created("g0", 0, _segment("a", 4), ("old",)),), (), ())
    delete, create = steps(placement, [gone], GPUS[:1], {"a": 50.0})
    assert (delete.action, delete.id, create.action, create.after) == (Action.DELETE, "old", Action.CREATE, (0,))
    assert (delete.profile, create.profile) == ("7g.80gb", "4g.40gb")
    assert check_steps((delete, create), [gone], GPUS[:1], {"a": 50.0}).gpcs == (7, 7, 4)


def test_a_successor_that_waits_counts_once_what_leaves_is_gone() -> None:
    """It is listed at the same slots; until then another of its service may not be drained."""
    old = Running("old", "g0", 0, _segment("a", 7), leaving=True)
    waits = Running("new", "g0", 0, _segment("a", 4))
    other = Running("other", "g1", 0, _segment("a", 4))
    placement = Placement((Kept(waits, waits.segment),), (), (other,), ())
    found = steps(placement, [old, waits, other], GPUS[:2], {"a": 100.0})
    assert [(one.action, one.id) for one in found] == [
        (Action.DELETE, "old"),
        (Action.DRAIN, "other"),
        (Action.DELETE, "other"),
    ]
    assert check_steps(found, [old, waits, other], GPUS[:2], {"a": 100.0}).short == {}


def test_two_that_change_places_need_one_temporary_segment() -> None:
    """Two full GPUs and a free one: one stands in there, so that neither service is ever short."""
    a, b = Running("a", "g0", 0, _segment("a", 7)), Running("b", "g1", 0, _segment("b", 7))
    created = Created("g1", 0, a.segment, ("b",)), Created("g0", 0, b.segment, ("a",))
    placement = Placement((), created, (a, b), ())
    rates = {"a": 100.0, "b": 100.0}
    found = steps(placement, [a, b], GPUS[:3], rates)
    walked = check_steps(found, [a, b], GPUS[:3], rates)
    assert (walked.short, walked.gpcs, walked.spare_gpcs) == ({}, (14, 21, 14), 7)
    assert sum(one.temporary and one.action is Action.CREATE for one in found) == 1
    full = steps(placement, [a, b], GPUS[:2], rates)
    broken = check_steps(full, [a, b], GPUS[:2], rates)
    assert (set(broken.short), broken.avoidable) == ({one.service for one in full if one.short > 0}, ())


def test_the_judge_says_which_break_free_slots_would_have_spared() -> None:
    """The only segment is drained before its successor is there, beside an empty half of the GPU."""
    only = Running("x", "g0", 0, _segment("a", 3))
    placement = Placement((), (Created("g0", 4, _segment("a", 3)),), (only,), ())
    create, drain, delete = steps(placement, [only], GPUS[:1], {"a": 60.0})
    wrong = check_steps((drain, delete, create), [only], GPUS[:1], {"a": 60.0})
    assert wrong.avoidable == ("a at g0:0: a copy fits at ('g0', 4)",)
    assert check_steps((create, drain, delete), [only], GPUS[:1], {"a": 60.0}).avoidable == ()


def test_the_less_important_gives_way_and_says_so() -> None:
    """A full GPU runs the less important: it is drained as far as the other needs, and keeps what fits beside."""
    low, high = Service("low", "m", 1000.0, 100.0), Service("high", "m", 500.0, 100.0, priority=1)
    gpus = GPUS[:1]
    current = _after(replan([low], TABLES, Options(), [], gpus, planner=plan_optimal))
    made = replan([low, high], TABLES, Options(), current, gpus, planner=plan_optimal)
    given = {
        name: sum(o.segment.throughput for o in _after(made) if o.segment.service == name) for name in ("low", "high")
    }
    assert given["high"] >= 500.0
    assert given["low"] > 0
    assert [short.service for short in made.placement.shortages] == ["low"]
    walked = check_steps(made.steps, current, gpus, {"low": 1000.0, "high": 500.0})
    assert (set(walked.short), walked.avoidable) == ({"low"}, ())
    assert "low" in {step.service for step in made.steps if step.short > 0}


def test_without_stand_ins_nothing_waits_that_could_go_elsewhere() -> None:
    """Whoever makes no temporary segments gets a placement that needs none."""
    services = [Service(f"s{number}", "m", rate, 100.0) for number, rate in enumerate((900, 500, 200, 700, 90))]
    first = replan(services, TABLES, Options(), [], GPUS, planner=plan_optimal)
    later = [replace(service, rate=service.rate * 0.4) for service in services]
    made = replan(later, TABLES, Options(), _after(first), GPUS, planner=plan_optimal, move_price=0.0, stand_ins=False)
    assert not any(step.temporary or step.short for step in made.steps)


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_a_plan_has_a_segment_for_each_host(hosts: int) -> None:
    """Split into equal demands; the bound is that of the plan without the condition."""
    service = Service("a", "m", 120.0, 100.0, min_hosts=hosts)
    made = plan_spread([service], TABLES, Options(), plan_optimal)
    assert len(made.placed) >= hosts
    assert {one.segment.service for one in made.placed} == {"a"}
    assert sum(one.segment.throughput for one in made.placed) >= 120.0
    assert made.lower_bound == plan_optimal([service], TABLES, Options()).lower_bound


def test_what_is_pinned_does_not_give_way() -> None:
    """A more important service takes the room of the others, never that of a pinned segment."""
    low, high = Service("low", "m", 1000.0, 100.0), Service("high", "m", 900.0, 100.0, priority=1)
    placed = plan_optimal([low], TABLES, Options(max_gpus=None)).placed
    current = [
        Running(f"r{n}", GPUS[one.gpu].id, one.start, one.segment, pinned=n == 0) for n, one in enumerate(placed)
    ]
    used = sorted({one.gpu for one in current})
    made = replan([low, high], TABLES, Options(), current, [g for g in GPUS if g.id in used], planner=plan_optimal)
    assert "r0" in {one.running.id for one in made.placement.kept}
    assert "low" in {short.service for short in made.placement.shortages}
