"""Single turns: what each says and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.model import Condition, Endpoint, MigProfile, Node, State, Workload
from controller.ports import Decision, Snapshot
from controller.reconcile import Options, decide, node_spec, preview
from controller.reconcile.demand import queue_delay_us
from tests.fakes.plane import EPOCH_0, advance
from tests.strategies_reconcile import PROFILES, gpu, model, profile, workload
from tests.unit.controller.reconcile.world import World, world


def conditions(plane: World, name: str) -> dict[str, Condition]:
    """A workload's conditions by type."""
    status = next(w.status for w in plane.store.state.workloads if w.name == name)
    return {condition.type: condition for condition in status.conditions}


def test_nothing_asked_for_is_nothing_done() -> None:
    """An empty plane makes no plan."""
    plane = world(1, 1)
    assert plane.turn() == Decision()


def test_first_plan_creates_and_says_why() -> None:
    """A new workload gets a stored plan with its trigger, its segments and its bound."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 100))
    decision = plane.turn()
    assert decision.plan is not None
    assert decision.plan.trigger == "first plan"
    assert decision.plan.lower_bound == decision.plan.gpus == 1
    assert {s.action for s in decision.plan.segments} == {"create"}
    assert [s.segment_id for s in decision.plan.segments] == [s.id for s in decision.create]
    assert decision.desired == ("n0",)
    assert conditions(plane, "a")["Planned"].status
    assert conditions(plane, "a")["Ready"].reason == "PROGRESSING"


def test_trigger_names_what_changed() -> None:
    """A later plan's trigger names new, changed and deleted workloads, and lost GPUs."""
    plane = world(2, 1)
    plane.store.apply(workload("a", 100), workload("b", 100))
    plane.settle()
    plane.store.apply(workload("c", 10), workload("a", 120))
    plane.store.delete("b")
    decision = plane.turn()
    assert decision.plan is not None
    assert decision.plan.trigger == "new workload c; changed workload a; deleted workload b"
    plane.settle()
    host = next(host for host in plane.hosts if host.running)
    plane.health(host, 0, healthy=False)
    decision = plane.turn()
    assert decision.plan is not None
    assert decision.plan.trigger == f"lost GPU GPU-{host.name}-0"


def test_labels_and_heartbeats_make_no_plan() -> None:
    """What planning does not read causes no new plan; a new generation is acknowledged all the same."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 100))
    plane.settle()
    plane.store.apply(replace(workload("a", 100), labels={"team": "x"}))
    decision = plane.turn()
    assert decision.plan is None
    assert not decision.create
    assert dict(decision.statuses)["a"].observed_generation == 2


@pytest.mark.parametrize(
    ("asked", "reason", "said"),
    [
        (workload("a", 10, model="unmeasured"), "NO_PROFILE", "unmeasured"),
        (workload("a", 10, slo_ms=0.5), "SLO_UNREACHABLE", "slo_ms 8.9 would do"),
        (workload("a", 5000, model="large"), "INSUFFICIENT_GPUS", "more A100-80GB"),
    ],
)
def test_refusals_reach_the_status(asked: Workload, reason: str, said: str) -> None:
    """Why a workload has no placement stands in its conditions, with the figure that would change it."""
    plane = world(1, 1)
    plane.store.apply(asked)
    plane.settle()
    planned = conditions(plane, "a")["Planned"]
    assert (planned.status, planned.reason) == (False, reason)
    assert said in planned.message
    assert conditions(plane, "a")["Ready"].status is False


def test_no_gpus_at_all() -> None:
    """Without any GPU the status says how many are needed and how they would come."""
    plane = world(0, 0)
    plane.store.apply(workload("a", 100))
    plane.settle()
    planned = conditions(plane, "a")["Planned"]
    assert planned.reason == "NO_GPUS"
    assert planned.message.startswith("needs 1 A100-80GB")


def test_ready_then_degraded_then_ready() -> None:
    """A failed process degrades a workload that was ready, with the segment named; its return mends it."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 40))
    plane.settle()
    ready = conditions(plane, "a")["Ready"]
    assert ready.status
    advance(plane.store, 60)
    (segment,) = plane.store.state.segments
    down = replace(segment, state=State.FAILED, endpoints=(Endpoint("127.0.0.1", 1),), message="process 1 died")
    plane.store.state = replace(plane.store.state, segments=(down,))
    plane.turn()
    degraded = conditions(plane, "a")["Ready"]
    assert (degraded.status, degraded.reason) == (False, "DEGRADED")
    assert f"{segment.id} on n0 is failed: process 1 died" in degraded.message
    assert degraded.since == plane.store.now
    plane.settle()
    assert conditions(plane, "a")["Ready"].status


def test_silent_host_is_named() -> None:
    """While a host of a ready workload is silent, its condition says that this is last known, not seen."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 40))
    plane.settle()
    plane.disconnect(plane.hosts[0])
    plane.turn()
    ready = conditions(plane, "a")["Ready"]
    assert ready.status
    assert ready.message.endswith("as last heard from n0, not connected now")


def test_statuses_are_written_only_when_they_change() -> None:
    """A turn on a settled plane, at any later time, writes nothing."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 100))
    plane.settle()
    later = plane.store.now + timedelta(days=1)
    assert decide(plane.store.state, later, plane.options) == Decision()


def test_drains_for_as_long_as_told() -> None:
    """A deleted workload's segment is wanted on its host until the drain time is over, then no more."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 50))
    plane.settle()
    plane.store.delete("a")
    plane.turn()
    (segment,) = plane.store.state.segments
    assert (segment.state, segment.drain_since) == (State.DRAINING, plane.store.now)
    assert node_spec(plane.store.state, "n0") == (segment,)
    advance(plane.store, 2)
    plane.turn()
    assert node_spec(plane.store.state, "n0") == ()
    plane.settle()
    assert plane.store.state.segments == ()


def test_kinds_of_gpus_are_planned_apart() -> None:
    """A workload goes to GPUs of the kind that its profile was measured on, with the profiles that NVML reports."""
    plane = world(1, 1)
    mig = tuple(MigProfile(f"{g}g.10gb", g, m, starts) for g, m, starts in ((1, 1, (0, 1, 2, 3)), (4, 4, (0,))))
    other = replace(gpu("n0", 1, product="NVIDIA A30"), profiles=mig)
    plane.hosts[0].gpus.append(other)
    plane.hosts[0].report(plane.store)
    measured = replace(profile("small", 50.0, product="A30"), name="on-a30")
    plane.store.state = replace(plane.store.state, profiles=(*PROFILES, measured))
    on_a30 = workload("a", 60)
    plane.store.apply(replace(on_a30, spec=replace(on_a30.spec, profile="on-a30")), workload("b", 60))
    plane.settle()
    where = {s.workload: s.gpu_uuid for s in plane.store.state.segments}
    assert where == {"a": other.uuid, "b": "GPU-n0-0"}
    assert all(s.gpcs in (1, 4) for s in plane.store.state.segments if s.workload == "a")


def test_model_that_cannot_batch_gets_batch_one() -> None:
    """A model without a batch axis is planned with batches of one."""
    plane = world(1, 1)
    plane.store.state = replace(plane.store.state, models=(model("small", batchable=False),))
    plane.store.apply(workload("a", 100))
    plane.settle()
    assert {s.batch for s in plane.store.state.segments} == {1}


def test_broken_rollout_keeps_what_serves() -> None:
    """A new version whose segments fail never takes the old one out of service."""
    plane = world(1, 2)
    plane.store.apply(workload("a", 100))
    plane.settle()
    before = plane.capacity("a")
    plane.hosts[0].slow = 10**6  # nothing new becomes ready
    plane.store.apply(workload("a", 100, version=2))
    for host in plane.hosts:
        host.ages = dict.fromkeys(host.ages, 10**7)
    for _ in range(20):
        plane.step()
        assert plane.capacity("a") == before
    assert conditions(plane, "a")["Ready"].reason == "PROGRESSING"


def test_preview_changes_nothing_and_equals_the_turn() -> None:
    """A preview is the plan that the next turn makes of the same workloads."""
    plane = world(2, 1)
    plane.store.apply(workload("a", 100))
    plane.settle()
    would_be = preview(plane.store.state, [workload("b", 200)], ["a"], now=plane.store.now, options=plane.options)
    plane.store.apply(workload("b", 200))
    plane.store.delete("a")
    made = plane.turn().plan
    assert made is not None
    assert [(s.workload, s.gpu_uuid, s.start, s.action) for s in would_be.segments] == [
        (s.workload, s.gpu_uuid, s.start, s.action) for s in made.segments
    ]
    assert would_be.trigger == made.trigger


def test_silence_counts_from_the_leaders_start() -> None:
    """A controller that was away for long gives hosts the whole grace to dial again before it plans without them."""
    plane = world(1, 1)
    plane.store.apply(workload("a", 50))
    plane.settle()
    plane.disconnect(plane.hosts[0])
    advance(plane.store, 3600)
    fresh = replace(plane.options, leading_since=plane.store.now - timedelta(seconds=5))
    assert decide(plane.store.state, plane.store.now, fresh).plan is None
    assert decide(plane.store.state, plane.store.now, plane.options).plan is not None


def test_queue_delay_leaves_room_for_two_batches() -> None:
    """The batcher's wait and two batches at the planner's latency share stay within the SLO."""
    planner = Options().planner
    for slo_ms in (0.001, 1, 5, 99, 100, 6400):
        delay_ms = queue_delay_us(slo_ms, planner) / 1000
        assert delay_ms + 2 * planner.latency_share * slo_ms <= slo_ms
    assert queue_delay_us(100, planner) == queue_delay_us(101, planner)


def test_options_refuse_nonsense() -> None:
    """A negative or endless time is refused by name."""
    with pytest.raises(ValueError, match="drain_s"):
        Options(drain_s=-1)


def test_host_that_never_reported_time_is_not_planned_on() -> None:
    """A host that is gone and was never heard of gets nothing."""
    state = Snapshot(1, (workload("a", 10),), PROFILES, (Node("n0", "h", False, None),), (gpu("n0", 0),), ())
    decision = decide(state, EPOCH_0)
    assert not decision.create
