"""The next steps from what exists towards the plan in force: make before break wherever there is room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import fsum

from controller.allocator.covering import covers
from controller.model import PlannedSegment, Segment, Serve, State, Workload
from controller.ports import NewEvent, Snapshot, Transition
from controller.reconcile.demand import digest_of
from controller.reconcile.fleet import fenced
from controller.reconcile.options import Options
from controller.reconcile.slots import LEAVING, by_gpu, capacity, overlap, serves
from controller.tenants import Serving, workloads_of


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do now; what must wait is found again by a later turn."""

    create: tuple[Segment, ...]
    transitions: tuple[Transition, ...]
    forget: tuple[str, ...]
    events: tuple[NewEvent, ...]


def next_steps(
    snapshot: Snapshot, targets: Sequence[PlannedSegment], short: frozenset[str], now: datetime, options: Options
) -> Steps:
    """Steps towards `targets`, the plan's placement; `short` names workloads that it does not serve whole."""
    rollout = _Rollout(snapshot, targets, short, now)
    rollout.finish_leaving(timedelta(seconds=options.drain_s))
    rollout.release_surplus()
    rollout.create_targets()
    return Steps(tuple(rollout.create), tuple(rollout.moves.values()), tuple(rollout.forget), tuple(rollout.events))


@dataclass
class _Rollout:
    """One turn's work; `moves` is by segment id and counts as done for all that is decided after it."""

    snapshot: Snapshot
    targets: Sequence[PlannedSegment]
    short: frozenset[str]
    now: datetime
    create: list[Segment] = field(default_factory=list)
    moves: dict[str, Transition] = field(default_factory=dict)
    forget: list[str] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._existing = {segment.id: segment for segment in self.snapshot.segments}
        self._on_gpu = by_gpu(self.snapshot.segments)
        self._workloads = {workload.name: workload for workload in self.snapshot.workloads}
        self._targets_of: dict[str, list[PlannedSegment]] = {}
        for target in self.targets:
            for name in workloads_of(target):
                self._targets_of.setdefault(name, []).append(target)
        self._segments_of: dict[str, list[Segment]] = {}
        for segment in self.snapshot.segments:
            for name in workloads_of(segment):
                self._segments_of.setdefault(name, []).append(segment)

    def finish_leaving(self, drain: timedelta) -> None:
        """Drained ones are removed, and those that their hosts no longer list are forgotten."""
        for segment in self.snapshot.segments:
            if segment.state is State.REMOVING and segment.gone:
                self.forget.append(segment.id)
                self._say(segment, "Removed", f"of {_names(segment)}: its host no longer has it")
            elif segment.state is State.DRAINING and self._drained(segment, drain):
                self._move(segment, State.REMOVING, "drained")

    def release_surplus(self) -> None:
        """Lets go of what the plan no longer has: at once if it serves nobody, else once nobody needs it."""
        wanted = {target.segment_id for target in self.targets}
        faults = fenced(self.snapshot)
        for segment in self.snapshot.segments:
            if segment.id in wanted or segment.state in LEAVING:
                continue
            if segment.gpu_uuid in faults:
                self._fence(segment, faults[segment.gpu_uuid])
            elif not serves(segment):
                self._move(segment, State.REMOVING, "no longer planned")
            elif self._replaced(segment):
                self._drain(segment, "no longer planned; what replaces it is ready")

    def create_targets(self) -> None:
        """Creates what is planned and missing: all that has room first, so that breaking is the last resort."""
        missing = [target for target in self.targets if target.segment_id not in self._existing]
        blocked = []
        for target in missing:
            if self._in_the_way(target):
                blocked.append(target)
            else:
                self.create.append(_born(target))
        while stuck := self._first_stuck(blocked):
            self._break(self._in_the_way(stuck), stuck)
            blocked.remove(stuck)

    def _first_stuck(self, blocked: Sequence[PlannedSegment]) -> PlannedSegment | None:
        """A target whose slots nobody will leave by himself; each break may be what the others wait for."""
        coming = self._coming(blocked)
        for target in blocked:
            holders = self._holders(target)
            if not holders <= coming and not any(self._in_progress(name) for name in holders):
                return target
        return None

    def _coming(self, blocked: Sequence[PlannedSegment]) -> set[str]:
        """Workloads whose targets all come about without a break: they wait at most for others of these to move on.

        What they have besides their targets then leaves by itself, and so do the slots that it holds.
        """
        waits: dict[str, set[str]] = {name: set() for name in (*self._workloads, *self._segments_of)}
        for target in blocked:
            for name in workloads_of(target):
                waits.setdefault(name, set()).update(self._holders(target))
        coming: set[str] = set()
        while more := {name for name, others in waits.items() if name not in coming | self.short and others <= coming}:
            coming |= more
        return coming

    def _drained(self, segment: Segment, drain: timedelta) -> bool:
        return segment.drain_since is None or self.now - segment.drain_since >= drain

    def _leaves(self, segment: Segment) -> bool:
        return segment.state in LEAVING or segment.id in self.moves

    def _replaced(self, segment: Segment) -> bool:
        """Whether each of its workloads can do without it now."""
        workloads = (self._workloads.get(name) for name in workloads_of(segment))
        return all(workload is None or self._replaced_for(workload, segment) for workload in workloads)

    def _replaced_for(self, workload: Workload, segment: Segment) -> bool:
        name = workload.name
        if name not in self.short and self._rolled_out(name):
            return True
        others = (s for s in self._segments_of[name] if s.id != segment.id and not self._leaves(s))
        left = fsum(capacity(other, name) for other in others if _can_stand_in(other, workload))
        return covers(left, workload.spec.rate)

    def _rolled_out(self, workload: str) -> bool:
        """Whether all that is planned for it is ready."""
        existing = [self._existing.get(target.segment_id) for target in self._targets_of.get(workload, ())]
        return all(segment is not None and segment.state is State.READY for segment in existing)

    def _in_progress(self, workload: str) -> bool:
        """Whether something of it is on its way: then what it has now is not broken for want of room."""
        born = any(workload in workloads_of(segment) for segment in self.create)
        existing = (self._existing.get(target.segment_id) for target in self._targets_of.get(workload, ()))
        return born or any(segment is not None and segment.state is not State.READY for segment in existing)

    def _holders(self, target: PlannedSegment) -> set[str]:
        """Workloads whose segments are in its way."""
        return {name for segment in self._in_the_way(target) for name in workloads_of(segment)}

    def _in_the_way(self, target: PlannedSegment) -> list[Segment]:
        """What holds its slots and does not leave yet."""
        there = self._on_gpu.get(target.gpu_uuid, ())
        return [segment for segment in there if overlap(segment, target) and not self._leaves(segment)]

    def _break(self, holders: Iterable[Segment], target: PlannedSegment) -> None:
        for segment in holders:
            self._drain(segment, f"makes room for {_names(target)}: there is none elsewhere")
            said = f"{segment.id} of {_names(segment)} drains before it is replaced: {_names(target)} needs its slots"
            for name in workloads_of(segment):
                self.events.append(NewEvent("workload", name, "BreakBeforeMake", said, warning=True))
        self.create.append(_born(target))

    def _fence(self, segment: Segment, fault: str) -> None:
        self._move(segment, State.REMOVING, f"its GPU failed: {fault}")
        self._say(segment, "SegmentLost", f"of {_names(segment)} on {segment.node}: {fault}", warning=True)

    def _drain(self, segment: Segment, message: str) -> None:
        self.moves[segment.id] = Transition(segment.id, State.DRAINING, message, drain_since=self.now)
        self._say(segment, "Draining", f"of {_names(segment)}: {message}")

    def _move(self, segment: Segment, state: State, message: str) -> None:
        self.moves[segment.id] = Transition(segment.id, state, message)

    def _say(self, segment: Segment, reason: str, message: str, *, warning: bool = False) -> None:
        self.events.append(NewEvent("segment", segment.id, reason, message, warning))


def _names(one: Serving) -> str:
    return ", ".join(workloads_of(one))


def _can_stand_in(segment: Segment, workload: Workload) -> bool:
    """Whether clients of the workload are served by it all the same: a tail answers its own bundle only."""
    if segment.serve is not workload.spec.serve:
        return False
    return workload.spec.serve is Serve.WHOLE or segment.model_digest == digest_of(workload)


def _born(target: PlannedSegment) -> Segment:
    return Segment(
        id=target.segment_id,
        workload=target.workload,
        node=target.node,
        gpu_uuid=target.gpu_uuid,
        gpu_index=target.gpu_index,
        start=target.start,
        gpcs=target.gpcs,
        memory_slices=target.memory_slices,
        profile=target.profile,
        batch=target.batch,
        processes=target.processes,
        throughput=target.throughput,
        latency_ms=target.latency_ms,
        model_digest=target.model_digest,
        serve=target.serve,
        max_queue_delay_us=target.max_queue_delay_us,
        tenants=target.tenants,
        message="planned",
    )
