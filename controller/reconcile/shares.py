"""What running shared segments give their tenants, as the plan in force has it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.model import PlannedSegment, Segment
from controller.ports import Shares, Snapshot
from controller.reconcile.rollout import Steps


def changed_shares(snapshot: Snapshot, targets: Sequence[PlannedSegment], steps: Steps) -> tuple[Shares, ...]:
    """Of each shared segment whose tenants the plan gives something else; those that move or go now are left out."""
    busy = {*steps.forget, *(transition.segment_id for transition in steps.transitions)}
    wanted = {target.segment_id: target for target in targets if target.tenants and target.segment_id not in busy}
    return tuple(_changed(snapshot.segments, wanted))


def _changed(segments: Iterable[Segment], wanted: dict[str, PlannedSegment]) -> Iterable[Shares]:
    for segment in segments:
        if segment.id in wanted:
            shares = _shares(segment, wanted[segment.id])
            if shares.of(segment) != segment:
                yield shares


def _shares(segment: Segment, target: PlannedSegment) -> Shares:
    """Who its tenants are stays: the plan does not speak of those whose workloads are gone."""
    planned = {tenant.workload: tenant for tenant in target.tenants}
    tenants = tuple(planned.get(one.workload, one) for one in segment.tenants)
    return Shares(segment.id, target.throughput, target.latency_ms, tenants)
