"""What each host shall run, and the snapshot that a decision leads to; pure."""

from __future__ import annotations

from dataclasses import replace

from controller.model import Segment, State
from controller.ports import Decision, Snapshot, Transition
from controller.reconcile.slots import LEAVING, by_gpu, overlap


def node_spec(snapshot: Snapshot, node: str) -> tuple[Segment, ...]:
    """All segments that the host shall run, by GPU and start.

    A planned one whose slots another still holds waits; one that drains runs on until its time is over.
    """
    return node_specs(snapshot).get(node, ())


def node_specs(snapshot: Snapshot) -> dict[str, tuple[Segment, ...]]:
    """The same for every host of the snapshot."""
    specs: dict[str, list[Segment]] = {node.name: [] for node in snapshot.nodes}
    for on_gpu in by_gpu(snapshot.segments).values():
        leaving = [segment for segment in on_gpu if segment.state in LEAVING]
        for segment in on_gpu:
            if _wanted(segment, leaving):
                specs.setdefault(segment.node, []).append(segment)
    return {node: tuple(sorted(spec, key=lambda s: (s.gpu_index, s.start, s.id))) for node, spec in specs.items()}


def _wanted(segment: Segment, leaving: list[Segment]) -> bool:
    if segment.state is State.REMOVING:
        return False
    return segment.state is State.DRAINING or not any(overlap(segment, other) for other in leaving)


def changed_nodes(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Hosts that shall run something else after than before, by name."""
    old, new = _identities(before), _identities(after)
    return tuple(sorted(node for node in old.keys() | new.keys() if old.get(node) != new.get(node)))


def _identities(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    # What a segment is never changes after its birth, so ids say all.
    return {node: tuple(segment.id for segment in spec) for node, spec in node_specs(snapshot).items() if spec}


def applied(snapshot: Snapshot, decision: Decision) -> Snapshot:
    """The snapshot as it will read once the decision is committed (hosts' generations and plan number aside)."""
    moves = {transition.segment_id: transition for transition in decision.transitions}
    statuses = dict(decision.statuses)
    shares = {one.segment_id: one for one in decision.shares}
    staying = (segment for segment in snapshot.segments if segment.id not in decision.forget)
    given = (shares[segment.id].of(segment) if segment.id in shares else segment for segment in staying)
    return replace(
        snapshot,
        segments=(*(_moved(segment, moves.get(segment.id)) for segment in given), *decision.create),
        workloads=tuple(replace(w, status=statuses.get(w.name, w.status)) for w in snapshot.workloads),
        last_plan=decision.plan or snapshot.last_plan,
        last_inputs=decision.inputs if decision.plan else snapshot.last_inputs,
    )


def _moved(segment: Segment, move: Transition | None) -> Segment:
    if move is None:
        return segment
    since = move.drain_since or segment.drain_since
    return replace(segment, state=move.state, message=move.message, drain_since=since)
