"""Makes a whole plan: every pool placed, every shortfall named; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from controller import allocator
from controller.model import Gpu, Plan, PlannedSegment, Segment, Shortfall
from controller.ports import Snapshot
from controller.reconcile.demand import Demand, demands, tables
from controller.reconcile.fleet import Pool, empty_pool, pools
from controller.reconcile.groups import There
from controller.reconcile.inputs import inputs_key, trigger
from controller.reconcile.options import Options
from controller.reconcile.placement import PoolPlan, place
from controller.reconcile.sharing import place_shared
from controller.reconcile.slots import LEAVING

KEEP, CREATE, REMOVE = "keep", "create", "remove"
NO_GPUS, INSUFFICIENT_GPUS = "NO_GPUS", "INSUFFICIENT_GPUS"


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan in force, and the key of its inputs where it is a new one."""

    plan: Plan | None
    new_inputs: str = ""


def plan_in_force(snapshot: Snapshot, now: datetime, options: Options) -> Planned:
    """The last plan while what it was made from stands; else a new one. None: nothing was ever asked for."""
    last = snapshot.last_plan
    if last is None and not snapshot.workloads and not snapshot.segments:
        return Planned(None)
    if last is not None and _key(snapshot, now, options, last) == snapshot.last_inputs:
        return Planned(last)
    plan = make_plan(snapshot, now, options)
    return Planned(plan, _key(snapshot, now, options, plan))


def make_plan(snapshot: Snapshot, now: datetime, options: Options) -> Plan:
    """A new plan for the snapshot; its id is the store's to give."""
    by_kind = pools(snapshot, now, options)
    parts = _place_pools(snapshot, by_kind, demands(snapshot, options.planner), options)
    segments = _planned_segments(snapshot, parts)
    staying = [segment for segment in segments if segment.action != REMOVE]
    key = inputs_key(snapshot, now, options, short=False)
    return Plan(
        id=0,
        created=now,
        algorithm=options.algorithm,
        gpus=len({segment.gpu_uuid for segment in staying}),
        lower_bound=sum(part.plan.lower_bound for part in parts),
        gpcs=sum(segment.gpcs for segment in staying),
        segments=segments,
        shortfalls=tuple(shortfall for part in parts for shortfall in _shortfalls(part, by_kind)),
        trigger=trigger(snapshot, key, by_kind),
    )


def _key(snapshot: Snapshot, now: datetime, options: Options, plan: Plan) -> str:
    return inputs_key(snapshot, now, options, short=bool(plan.shortfalls))


def _place_pools(
    snapshot: Snapshot, by_kind: dict[str, Pool], wanted: Sequence[Demand], options: Options
) -> list[PoolPlan]:
    profile_tables = tables(snapshot.profiles)
    last = snapshot.last_plan.segments if snapshot.last_plan else ()
    targets = frozenset(segment.segment_id for segment in last if segment.action != REMOVE)
    names = frozenset(demand.name for demand in wanted)
    parts = []
    for kind in sorted(by_kind.keys() | {demand.kind for demand in wanted}):
        pool = by_kind.get(kind) or empty_pool(kind)
        ids = {gpu.id for gpu in pool.gpus}
        there = [segment for segment in snapshot.segments if segment.gpu_uuid in ids]
        of_kind = [demand for demand in wanted if demand.kind == kind]
        if options.share:
            cordoned = frozenset(gpu.id for gpu in pool.gpus if gpu.cordoned)
            what = There(there, targets, names, cordoned)
            parts.append(place_shared(pool, of_kind, profile_tables, what, options))
        else:
            parts.append(place(pool, of_kind, profile_tables, there, options))
    return parts


def _planned_segments(snapshot: Snapshot, parts: Sequence[PoolPlan]) -> tuple[PlannedSegment, ...]:
    """Kept and created ones by host, GPU and start; then those to be removed."""
    gpus = {gpu.uuid: gpu for gpu in snapshot.gpus}
    existing = {segment.id: segment for segment in snapshot.segments}
    staying = [segment for part in parts for segment in _staying(part, snapshot.basis, gpus, existing)]
    kept = {segment.segment_id for segment in staying}
    going = [s for s in snapshot.segments if s.id not in kept and s.state not in LEAVING]
    return (*_in_order(staying), *_in_order(_as_planned(segment, REMOVE) for segment in going))


def _in_order(segments: Iterable[PlannedSegment]) -> list[PlannedSegment]:
    return sorted(segments, key=lambda s: (s.node, s.gpu_index, s.gpu_uuid, s.start))


def _staying(
    part: PoolPlan, basis: int, gpus: dict[str, Gpu], existing: dict[str, Segment]
) -> Iterable[PlannedSegment]:
    demands = {demand.service.name: demand for demand in part.demands}
    for kept in part.placement.kept:
        found = _as_planned(existing[kept.running.id], KEEP, kept.segment)
        yield replace(found, tenants=demands[kept.segment.service].tenants)
    geometry = {gpu.id: gpu.geometry for gpu in part.pool.gpus}
    for new in part.placement.created:
        profile = geometry[new.gpu].default(new.segment.size)
        demand = demands[new.segment.service]
        yield PlannedSegment(
            node=gpus[new.gpu].node,
            gpu_uuid=new.gpu,
            gpu_index=gpus[new.gpu].index,
            start=new.start,
            profile=profile.name,
            gpcs=new.segment.size,
            workload=demand.name,
            batch=new.segment.batch,
            processes=new.segment.processes,
            throughput=new.segment.throughput,
            latency_ms=new.segment.latency_ms,
            action=CREATE,
            segment_id=_id(basis, new),
            memory_slices=profile.memory_slices,
            model_digest=demand.model_digest,
            serve=demand.serve,
            max_queue_delay_us=demand.max_queue_delay_us,
            tenants=demand.tenants,
        )


def _id(basis: int, new: allocator.Created) -> str:
    """Unique over time: every commit that creates segments grows the basis."""
    said = repr((basis, new.gpu, new.start, new.segment))
    return f"seg-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _as_planned(segment: Segment, action: str, newer: allocator.Segment | None = None) -> PlannedSegment:
    """A segment that exists, as an entry of a plan; `newer` has figures of a newer profile."""
    return PlannedSegment(
        node=segment.node,
        gpu_uuid=segment.gpu_uuid,
        gpu_index=segment.gpu_index,
        start=segment.start,
        profile=segment.profile,
        gpcs=segment.gpcs,
        workload=segment.workload,
        batch=segment.batch,
        processes=segment.processes,
        throughput=newer.throughput if newer else segment.throughput,
        latency_ms=newer.latency_ms if newer else segment.latency_ms,
        action=action,
        segment_id=segment.id,
        memory_slices=segment.memory_slices,
        model_digest=segment.model_digest,
        serve=segment.serve,
        max_queue_delay_us=segment.max_queue_delay_us,
        tenants=segment.tenants,
    )


def _shortfalls(part: PoolPlan, by_kind: dict[str, Pool]) -> Iterable[Shortfall]:
    for refused in part.plan.unservable:
        yield Shortfall(refused.service, refused.reason.value, refused.detail)
    for shortage in part.placement.shortages:
        if part.pool.gpus:
            yield Shortfall(shortage.service, INSUFFICIENT_GPUS, shortage.detail)
        else:
            yield Shortfall(shortage.service, NO_GPUS, _no_gpus(part, shortage, by_kind))


def _no_gpus(part: PoolPlan, shortage: allocator.Shortage, by_kind: dict[str, Pool]) -> str:
    others = ", ".join(f"{len(pool.gpus)} {kind}" for kind, pool in sorted(by_kind.items()))
    there = f"the fleet has {others}" if others else "no usable GPU is connected"
    return f"needs {shortage.gpus} {part.pool.kind}; {there}: start a node agent on such a host"
