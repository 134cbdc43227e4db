"""What a workload's status says: Planned and Ready with their reasons, and the counts; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import fsum

from controller.allocator.covering import covers
from controller.model import Condition, Plan, PlannedSegment, Segment, Shortfall, State, Workload, WorkloadStatus
from controller.ports import NewEvent, Snapshot
from controller.reconcile.demand import digest_of
from controller.reconcile.planning import REMOVE
from controller.reconcile.slots import LEAVING, capacity
from controller.tenants import throughput_for, workloads_of

PLANNED, READY = "Planned", "Ready"


def statuses(
    snapshot: Snapshot, plan: Plan | None, now: datetime
) -> tuple[tuple[tuple[str, WorkloadStatus], ...], tuple[NewEvent, ...]]:
    """The statuses that differ from the stored ones, and an event for each condition that turned."""
    changed, events = [], []
    for view in _views(snapshot, plan):
        status = _status(view, now)
        if status != view.workload.status:
            changed.append((view.workload.name, status))
            events += _turned(view.workload, status)
    return tuple(changed), tuple(events)


@dataclass(frozen=True, slots=True)
class _View:
    """All that concerns one workload."""

    workload: Workload
    targets: Sequence[PlannedSegment]
    shortfall: Shortfall | None
    segments: dict[str, Segment]  # those that are not leaving, by id
    offline: frozenset[str]  # hosts

    @property
    def rate(self) -> float:
        return self.workload.spec.rate

    @property
    def planned(self) -> float:
        return fsum(throughput_for(target, self.workload.name) for target in self.targets)

    @property
    def ready(self) -> float:
        return fsum(capacity(segment, self.workload.name) for segment in self.segments.values())

    @property
    def waiting(self) -> list[PlannedSegment]:
        """Targets that are not ready."""
        return [target for target in self.targets if self.state(target) is not State.READY]

    def state(self, target: PlannedSegment) -> State | None:
        segment = self.segments.get(target.segment_id)
        return segment.state if segment else None


def _views(snapshot: Snapshot, plan: Plan | None) -> Iterable[_View]:
    targets: dict[str, list[PlannedSegment]] = {}
    for target in plan.segments if plan else ():
        if target.action != REMOVE:
            for name in workloads_of(target):
                targets.setdefault(name, []).append(target)
    segments: dict[str, dict[str, Segment]] = {}
    for segment in snapshot.segments:
        if segment.state not in LEAVING:
            for name in workloads_of(segment):
                segments.setdefault(name, {})[segment.id] = segment
    shortfalls = {shortfall.workload: shortfall for shortfall in plan.shortfalls} if plan else {}
    offline = frozenset(node.name for node in snapshot.nodes if not node.connected)
    for workload in snapshot.workloads:
        name = workload.name
        yield _View(workload, targets.get(name, ()), shortfalls.get(name), segments.get(name, {}), offline)


def _status(view: _View, now: datetime) -> WorkloadStatus:
    planned, ready = _planned(view), _ready(view)
    before = {condition.type: condition for condition in view.workload.status.conditions}
    return WorkloadStatus(
        conditions=tuple(_since(condition, before.get(condition.type), now) for condition in (planned, ready)),
        observed_generation=view.workload.generation,
        planned_segments=len(view.targets),
        ready_segments=sum(segment.state is State.READY for segment in view.segments.values()),
        planned_throughput=view.planned,
        ready_throughput=view.ready,
        model_digest=digest_of(view.workload),
    )


def _since(condition: Condition, before: Condition | None, now: datetime) -> Condition:
    same = before is not None and before.status == condition.status
    return replace(condition, since=before.since if before is not None and same else now)


def _planned(view: _View) -> Condition:
    if view.shortfall is not None:
        return Condition(PLANNED, False, view.shortfall.reason, view.shortfall.detail)
    gpus = len({target.gpu_uuid for target in view.targets})
    where = f"{_count(len(view.targets), 'segment')} on {_count(gpus, 'GPU')}"
    return Condition(PLANNED, True, "PLANNED", f"{where}: {view.planned:g} for {view.rate:g} requests/s")


def _ready(view: _View) -> Condition:
    enough = covers(view.ready, view.rate)
    if view.shortfall is not None:
        reason = "DEGRADED" if view.ready else view.shortfall.reason
        return Condition(READY, False, reason, f"{_answering(view)}; {view.shortfall.detail}")
    if not view.waiting or (enough and _was_ready(view.workload)):
        return Condition(READY, True, "READY", _answering(view))
    failed = any(view.state(target) is State.FAILED for target in view.waiting)
    fallen = _was_ready(view.workload) or failed
    return Condition(READY, False, "DEGRADED" if fallen else "PROGRESSING", f"{_answering(view)}; {_first(view)}")


def _was_ready(workload: Workload) -> bool:
    """Whether this generation has been ready."""
    if workload.status.observed_generation != workload.generation:
        return False
    # DEGRADED is only said of what was ready or failed: it stays so until it is ready again.
    return any(c.type == READY and (c.status or c.reason == "DEGRADED") for c in workload.status.conditions)


def _answering(view: _View) -> str:
    ready = len(view.targets) - len(view.waiting)
    said = f"{ready} of {_count(len(view.targets), 'segment')} ready: {view.ready:g} of {view.rate:g} requests/s"
    silent = sorted({target.node for target in view.targets} & view.offline)
    return f"{said}, as last heard from {', '.join(silent)}, not connected now" if silent else said


def _first(view: _View) -> str:
    """Why the first of those that are not ready is not."""
    ordered = sorted(view.waiting, key=lambda target: view.state(target) is not State.FAILED)
    target = ordered[0]
    segment = view.segments.get(target.segment_id)
    if target.node in view.offline:
        return f"{target.segment_id} waits for its host {target.node}, which is not connected"
    if segment is None:
        return f"{target.segment_id} waits for slots of GPU {target.gpu_index} on {target.node}"
    return f"{segment.id} on {segment.node} is {segment.state.value}" + (
        f": {segment.message}" if segment.message else ""
    )


def _turned(workload: Workload, status: WorkloadStatus) -> list[NewEvent]:
    before = {condition.type: condition for condition in workload.status.conditions}
    events = []
    for condition in status.conditions:
        old = before.get(condition.type)
        if old is None and condition.reason == "PROGRESSING":
            continue  # news for nobody: it has just been applied
        if old is None or (old.status, old.reason) != (condition.status, condition.reason):
            events.append(_event(workload.name, condition))
    return events


def _event(workload: str, condition: Condition) -> NewEvent:
    reason = condition.type if condition.status else f"Not{condition.type}"
    warning = not condition.status and condition.reason != "PROGRESSING"
    return NewEvent("workload", workload, reason, f"{condition.reason}: {condition.message}", warning=warning)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
