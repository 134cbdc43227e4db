"""What a plan depends on, as a key: equal keys, equal plans. Tells also what moved between two keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from controller.model import Plan, Workload
from controller.ports import Snapshot
from controller.reconcile.demand import demands, profile_name
from controller.reconcile.fleet import Pool, pools
from controller.reconcile.options import Options
from controller.tenants import workloads_of

WORKLOADS, PROFILES, FLEET, OPTIONS = "w", "p", "f", "o"


def inputs_key(snapshot: Snapshot, now: datetime, options: Options, *, short: bool) -> str:
    """A key of all that planning reads.

    Whether hosts are connected matters only while something is `short`: a placement that is whole needs no
    other one because a host dials again.
    """
    fleet = pools(snapshot, now, options)
    needed = {profile_name(workload) for workload in snapshot.workloads}
    profiles = [(p.name, p.gpu_product, p.points) for p in snapshot.profiles if p.name in needed]
    parts = {
        WORKLOADS: [(demand.service, demand.max_queue_delay_us) for demand in demands(snapshot, options.planner)],
        PROFILES: sorted(profiles),
        FLEET: [_fleet(fleet[kind], short=short) for kind in sorted(fleet)],
        OPTIONS: [options.planner, options.algorithm, *(["shared"] if options.share else [])],
    }
    return ";".join(f"{part}:{_digest(value)}" for part, value in parts.items())


def trigger(snapshot: Snapshot, key: str, pool_by_kind: dict[str, Pool]) -> str:
    """Why a new plan is made, as one sentence."""
    if snapshot.last_plan is None:
        return "first plan"
    moved = _moved_parts(snapshot.last_inputs, key)
    reasons = [
        *_about_workloads(snapshot, snapshot.last_plan),
        *_about_gpus(snapshot.last_plan, pool_by_kind),
    ]
    if PROFILES in moved:
        reasons.append("profiles changed")
    if FLEET in moved and not any("GPU" in reason for reason in reasons):
        reasons.append("the fleet has changed")
    if OPTIONS in moved:
        reasons.append("the planner's options changed")
    return "; ".join(reasons) or "workloads changed"


def _about_workloads(snapshot: Snapshot, last: Plan) -> list[str]:
    planned = {name for segment in last.segments if segment.action != "remove" for name in workloads_of(segment)}
    known = planned | {shortfall.workload for shortfall in last.shortfalls}
    new = [w.name for w in snapshot.workloads if w.name not in known]
    changed = [w.name for w in snapshot.workloads if w.name in known and _changed(w)]
    gone = sorted(known - {w.name for w in snapshot.workloads})
    pairs = (("new workload", new), ("changed workload", changed), ("deleted workload", gone))
    return [f"{what} {_some(names)}" for what, names in pairs if names]


def _changed(workload: Workload) -> bool:
    return workload.generation != workload.status.observed_generation


def _about_gpus(last: Plan, pool_by_kind: dict[str, Pool]) -> list[str]:
    usable = {gpu.id for pool in pool_by_kind.values() for gpu in pool.gpus}
    used = {segment.gpu_uuid for segment in last.segments if segment.action != "remove"}
    lost = sorted(used - usable)
    return [f"lost GPU {_some(lost)}"] if lost else []


def _some(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _moved_parts(old: str, new: str) -> set[str]:
    before = dict(part.split(":", 1) for part in old.split(";") if ":" in part)
    after = dict(part.split(":", 1) for part in new.split(";"))
    return {part for part, value in after.items() if before.get(part) != value}


def _fleet(pool: Pool, *, short: bool) -> tuple[object, ...]:
    return tuple((gpu.id, gpu.geometry, gpu.cordoned and short) for gpu in pool.gpus)


def _digest(value: object) -> str:
    # repr of frozen dataclasses of numbers, texts and tuples: the same in every process.
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
