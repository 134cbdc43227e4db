"""The diff: what is desired against the journal and NVML's instances, as steps that may each be repeated. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node_agent.model import Condition, Fault, Gpu, Instance, Record, SegmentSpec

# Type of the condition that a fault is reported as; all others are GpuUnhealthy.
CONDITIONS = {Fault.MIG_OFF: "ResetRequired", Fault.MIG_PENDING: "ResetRequired"}


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do on one GPU; `blocked` waits for a reason. On one that is `ill`, because of that, nothing is mended."""

    remove: tuple[Record, ...] = ()
    keep: tuple[Record, ...] = ()
    create: tuple[SegmentSpec, ...] = ()
    blocked: tuple[tuple[SegmentSpec, str], ...] = ()
    drift: tuple[Instance, ...] = ()
    ill: str = ""


def steps(wanted: tuple[SegmentSpec, ...], records: tuple[Record, ...], instances: tuple[Instance, ...]) -> Steps:
    """The steps of one GPU.

    A segment is created only where its slices are free of every instance and of every other record: so a neighbour is
    never touched, and a removal that has not finished yet holds back just what it overlaps. An instance that no record
    explains is somebody else's: it is reported and left alone.
    """
    by_id = {spec.id: spec for spec in wanted}
    keep = tuple(r for r in records if not r.removing and by_id.get(r.spec.id) == r.spec)
    kept = {r.spec.id for r in keep}
    remove = tuple(replace(r, removing=True) for r in records if r.spec.id not in kept)
    drift = tuple(i for i in instances if not any(explains(r, i) for r in records))
    create, blocked = [], []
    taken = {slot: "a segment" for r in records for slot in r.spec.slots}
    taken |= {slot: "an instance that is not ours" for i in drift for slot in i.slots}
    gone = {r.spec.id for r in remove}
    for spec in wanted:
        if spec.id in kept:
            continue
        if spec.id in gone:
            blocked.append((spec, "its former self is being removed"))
        elif held := sorted({taken[slot] for slot in spec.slots if slot in taken}):
            blocked.append((spec, f"slices {min(spec.slots)} to {max(spec.slots)} are still held by {held[0]}"))
        else:
            create.append(spec)
            taken |= dict.fromkeys(spec.slots, "a segment")
    return Steps(remove, keep, tuple(create), tuple(blocked), drift)


def explains(record: Record, instance: Instance) -> bool:
    """Whether `instance` is the one that `record` says we made, or were about to make when we crashed."""
    spec = record.spec
    same_place = (instance.start, instance.memory_slices) == (spec.start, spec.memory_slices)
    return same_place and instance.gpcs == spec.gpcs and record.gi in (None, instance.gi)


def by_gpu(wanted: tuple[SegmentSpec, ...], records: tuple[Record, ...], gpus: Mapping[str, Gpu]) -> dict[str, Steps]:
    """The steps of every GPU that is named anywhere; on one that NVML does not show, or that is ill, nothing new."""
    uuids = {s.gpu_uuid for s in wanted} | {r.spec.gpu_uuid for r in records} | set(gpus)
    plans = {}
    for uuid in sorted(uuids):
        mine = tuple(s for s in wanted if s.gpu_uuid == uuid)
        theirs = tuple(r for r in records if r.spec.gpu_uuid == uuid)
        gpu = gpus.get(uuid)
        plan = steps(mine, theirs, gpu.instances if gpu else ())
        if gpu is None or not gpu.healthy:
            why = f"GPU {gpu.index}: {gpu.message}" if gpu else f"this host has no GPU {uuid}"
            plan = replace(plan, create=(), blocked=(*plan.blocked, *((spec, why) for spec in plan.create)), ill=why)
        plans[uuid] = plan
    return plans


def conditions(plans: Mapping[str, Steps], gpus: Mapping[str, Gpu]) -> tuple[Condition, ...]:
    """What an operator should know: MIG mode off, GPUs that are ill, instances that are not ours."""
    found = [
        Condition(CONDITIONS.get(gpu.fault, "GpuUnhealthy"), gpu.fault.value, f"GPU {gpu.index}: {gpu.message}")
        for gpu in gpus.values()
        if not gpu.healthy
    ]
    for uuid, plan in plans.items():
        if uuid in gpus and plan.drift:
            places = ", ".join(f"{i.gpcs}g at slice {i.start}" for i in plan.drift)
            text = f"GPU {gpus[uuid].index} has instances that this agent did not make: {places}; destroy them, or wait"
            found.append(Condition("Drift", "FOREIGN_INSTANCE", f"{text} until who made them does, to free the slices"))
    return tuple(found)
