"""Workloads as the planner's services: which profile, which kind of GPU, which revision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller import allocator
from controller.allocator.types import QUEUEING
from controller.model import Model, Profile, Segment, Serve, Workload
from controller.ports import Snapshot
from controller.reconcile.fleet import kind_of
from controller.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Demand:
    """One workload, or one group that shares a segment, as the planner sees it, and what its segments shall run.

    `kind` is the kind of GPU that its profile was measured on. A group has `tenants`, and no digest of its own.
    """

    name: str  # what its segments bear
    service: allocator.Service
    kind: str
    model_digest: str
    serve: Serve
    max_queue_delay_us: int
    tenants: tuple[Tenant, ...] = ()


def demands(snapshot: Snapshot, planner: allocator.Options) -> tuple[Demand, ...]:
    """Every workload, those of higher priority in front, then the older: so they are served when GPUs are few."""
    profiles = {profile.name: profile for profile in snapshot.profiles}
    models = {model.name: model for model in snapshot.models}
    return tuple(_demand(workload, profiles, models, planner) for workload in by_importance(snapshot.workloads))


def by_importance(workloads: Iterable[Workload]) -> list[Workload]:
    """The highest priority first, among equals the oldest."""
    return sorted(by_age(workloads), key=lambda workload: -workload.spec.priority)


def by_age(workloads: Iterable[Workload]) -> list[Workload]:
    """The oldest first; those not stored yet last."""
    return sorted(workloads, key=lambda w: (w.created is None, w.created.timestamp() if w.created else 0.0, w.name))


def tables(profiles: Iterable[Profile]) -> dict[str, allocator.ProfileTable]:
    """The planner's tables by profile name."""
    return {profile.name: allocator.ProfileTable(profile.name, _points(profile)) for profile in profiles}


def profile_name(workload: Workload) -> str:
    """The profile that a workload is planned with."""
    return workload.spec.profile or workload.spec.model


def digest_of(workload: Workload) -> str:
    """The model version that it serves."""
    return workload.status.model_digest or workload.spec.model_digest


def queue_delay_us(slo_ms: float, planner: allocator.Options) -> int:
    """How long a batcher may wait for a batch to fill, microseconds.

    The paper plans with batches that take less than 0.45 of the SLO. A request may wait for the batch before
    its own and then for its own, 0.9 of the SLO together; what is left may be spent waiting for company. Rounded
    down to a power of two: it is fixed at a segment's birth, and a slightly different SLO shall not replace it.
    The queueing rule counts on batchers that never wait: at high load batches fill while the one before runs.
    """
    if planner.slo_model == QUEUEING:
        return 0
    spare_us = int(slo_ms * 1000 * max(0.0, 1 - 2 * planner.latency_share))
    return min(1 << (spare_us.bit_length() - 1), 1 << 30) if spare_us else 0


def revision(digest: str, serve: Serve, max_queue_delay_us: int) -> str:
    """All but size, batch and processes that a running segment must share with a wanted one to be kept."""
    return f"{digest}|{serve.value}|{max_queue_delay_us}"


def shared_revision(tenants: Iterable[Tenant]) -> str:
    """The same of a shared segment: figures aside, all that its tenants are."""
    return ",".join(f"{one.workload}={one.model_digest}|{one.batch}|{one.priority}" for one in tenants)


def revision_of(segment: Segment) -> str:
    """The revision that a segment was made for."""
    if segment.tenants:
        return shared_revision(segment.tenants)
    return revision(segment.model_digest, segment.serve, segment.max_queue_delay_us)


def _demand(
    workload: Workload, profiles: dict[str, Profile], models: dict[str, Model], planner: allocator.Options
) -> Demand:
    spec = workload.spec
    name = profile_name(workload)
    delay = queue_delay_us(spec.slo_ms, planner)
    model = models.get(spec.model)
    service = allocator.Service(
        name=workload.name,
        model=name,
        rate=spec.rate,
        slo_ms=spec.slo_ms,
        max_processes=spec.max_processes or None,
        priority=spec.priority,
        min_hosts=max(1, spec.min_hosts),
        memory_mb=spec.memory_mb,
        exclusive=spec.exclusive,
        max_batch=None if model is None or model.batchable else 1,
        revision=revision(digest_of(workload), spec.serve, delay),
    )
    product = profiles[name].gpu_product if name in profiles else ""
    return Demand(workload.name, service, kind_of(product), digest_of(workload), spec.serve, delay)


def _points(profile: Profile) -> tuple[allocator.Point, ...]:
    return tuple(
        allocator.Point(point.size, point.batch, point.processes, point.throughput, point.latency_ms)
        for point in profile.points
    )
