"""One reconcile turn: what exists and what is wanted in, what to change out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from controller.model import Plan, PlannedSegment, Workload, WorkloadStatus
from controller.ports import Decision, NewEvent, Snapshot
from controller.reconcile.conditions import statuses
from controller.reconcile.demand import digest_of
from controller.reconcile.desired import applied, changed_nodes
from controller.reconcile.options import Options
from controller.reconcile.planning import CREATE, KEEP, REMOVE, make_plan, plan_in_force
from controller.reconcile.rollout import next_steps
from controller.reconcile.shares import changed_shares


def decide(snapshot: Snapshot, now: datetime, options: Options | None = None) -> Decision:
    """What to change now. By level: on a snapshot that is as it should be, nothing.

    A plan is made when its inputs changed, and carried out over as many turns as it takes.
    """
    options = options or Options()
    planned = plan_in_force(snapshot, now, options)
    plan = planned.plan
    short = frozenset(shortfall.workload for shortfall in plan.shortfalls) if plan else frozenset()
    targets = _targets(snapshot, plan)
    steps = next_steps(snapshot, targets, short, now, options)
    new_plan = plan if planned.new_inputs else None
    draft = Decision(
        create=steps.create,
        transitions=steps.transitions,
        forget=steps.forget,
        shares=changed_shares(snapshot, targets, steps),
        plan=new_plan,
        inputs=planned.new_inputs,
    )
    after = applied(snapshot, draft)
    status, turned = statuses(after, plan, now)
    events = (*_about(new_plan), *steps.events, *turned)
    return replace(draft, statuses=status, events=events, desired=changed_nodes(snapshot, after))


def preview(
    snapshot: Snapshot,
    workloads: Iterable[Workload] = (),
    deleted: Iterable[str] = (),
    *,
    now: datetime,
    options: Options | None = None,
) -> Plan:
    """The plan that the fleet would get with `workloads` applied and those named in `deleted` gone."""
    newest = {model.name: model.digest for model in snapshot.models}
    asked = {workload.name: _resolved(workload, newest) for workload in workloads}
    gone = {*deleted, *asked}
    stored = {workload.name: workload for workload in snapshot.workloads}
    would_be = [workload for workload in snapshot.workloads if workload.name not in gone]
    would_be += [_as_applied(workload, stored.get(name)) for name, workload in asked.items() if name not in deleted]
    return make_plan(replace(snapshot, workloads=tuple(would_be)), now, options or Options())


def _targets(snapshot: Snapshot, plan: Plan | None) -> Sequence[PlannedSegment]:
    """The plan's placement, without what stands on GPUs that are forgotten by now."""
    known = {gpu.uuid for gpu in snapshot.gpus}
    segments = plan.segments if plan else ()
    return [segment for segment in segments if segment.action != REMOVE and segment.gpu_uuid in known]


def _resolved(workload: Workload, newest: dict[str, str]) -> Workload:
    digest = workload.spec.model_digest or newest.get(workload.spec.model, "")
    return replace(workload, status=WorkloadStatus(model_digest=digest or digest_of(workload)))


def _as_applied(workload: Workload, stored: Workload | None) -> Workload:
    """It keeps its age, and with that its place in the queue."""
    if stored is None:
        return replace(workload, generation=1)
    status = replace(stored.status, model_digest=workload.status.model_digest)
    return replace(workload, created=stored.created, generation=stored.generation + 1, status=status)


def _about(plan: Plan | None) -> tuple[NewEvent, ...]:
    if plan is None:
        return ()
    counts = {action: sum(s.action == action for s in plan.segments) for action in (CREATE, KEEP, REMOVE)}
    message = (
        f"{plan.trigger}: {counts[CREATE]} to create, {counts[KEEP]} kept, {counts[REMOVE]} to remove; "
        f"{plan.gpus} GPUs, at least {plan.lower_bound} needed"
    )
    return (NewEvent("plan", "", "Planned", message, warning=bool(plan.shortfalls)),)
