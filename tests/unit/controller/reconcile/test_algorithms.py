"""Turns with the optimal planner and with the queueing rule: they settle, serve every rate, and waste no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import allocator
from controller.model import Workload
from controller.reconcile import Options
from tests.strategies_reconcile import workload, workloads
from tests.unit.controller.reconcile.world import OPTIONS, world

QUEUEING = allocator.Options(slo_model="queueing")
OPTIMAL = replace(OPTIONS, algorithm=allocator.OPTIMAL)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(workloads, min_size=1, max_size=4, unique_by=lambda one: one.name),
    st.sampled_from([OPTIMAL, replace(OPTIONS, planner=QUEUEING), replace(OPTIMAL, planner=QUEUEING)]),
)
def test_it_settles_and_serves(asked: list[Workload], options: Options) -> None:
    """Whatever is not said to be short is served at its rate; the optimal plan takes no more GPUs than ParvaGPU's."""
    planes = [world(3, 2, options=one) for one in (options, replace(options, algorithm=allocator.PARVAGPU))]
    for plane in planes:
        plane.store.apply(*asked)
        plane.settle()
        made = plane.store.state.last_plan
        assert made is not None
        assert made.algorithm == plane.options.algorithm
        short = {one.workload for one in made.shortfalls}
        assert all(plane.capacity(w.name) >= w.spec.rate * (1 - 1e-9) for w in asked if w.name not in short)
    plans = [plane.store.state.last_plan for plane in planes]
    assert all(plan is not None and plan.shortfalls for plan in plans) or plans[0].gpus <= plans[1].gpus  # type: ignore[union-attr]


def test_another_rule_is_a_reason_to_plan_anew() -> None:
    """Under the queueing rule batchers do not wait, and the same rate takes at least as many GPCs."""
    plane = world(2, 2)
    plane.store.apply(workload("a", 300.0))
    plane.settle()
    before = plane.store.state.last_plan
    plane.options = replace(OPTIMAL, planner=QUEUEING)
    plane.settle()
    after = plane.store.state.last_plan
    assert before is not None
    assert after is not None
    assert "options changed" in after.trigger
    assert after.gpcs >= before.gpcs
    assert {segment.max_queue_delay_us for segment in plane.store.state.segments} == {0}


def test_what_runs_is_kept_at_what_it_admits_now() -> None:
    """A tighter SLO on a full fleet: segments stay, for the rate at which queueing allows it, and the rest is short."""
    plane = world(1, 1, options=replace(OPTIONS, planner=QUEUEING))
    plane.store.apply(workload("a", 600.0, slo_ms=100.0))
    plane.settle()
    before = {segment.id for segment in plane.store.state.segments}
    assert plane.capacity("a") >= 600
    plane.store.apply(workload("a", 600.0, slo_ms=40.0))
    plane.settle()
    made = plane.store.state.last_plan
    assert made is not None
    assert [one.workload for one in made.shortfalls] == ["a"]
    assert before <= {segment.id for segment in plane.store.state.segments}


def test_an_unknown_algorithm_is_refused() -> None:
    """The error names the choices."""
    with pytest.raises(ValueError, match="algorithm must be optimal or parvagpu"):
        Options(algorithm="best")


def test_the_higher_priority_is_served_first() -> None:
    """One GPU for two: the older and less important one waits, and is told how many GPUs are short."""
    for options in (OPTIONS, OPTIMAL):
        plane = world(1, 1, options=options)
        late = workload("b", 600.0)
        plane.store.apply(workload("a", 600.0))
        plane.store.apply(replace(late, spec=replace(late.spec, priority=10)))
        plane.settle()
        made = plane.store.state.last_plan
        assert made is not None
        assert [one.workload for one in made.shortfalls] == ["a"]
        assert plane.capacity("b") >= 600
