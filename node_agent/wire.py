"""Converts between the node link's messages and the agent's values; the only place that knows both."""

from __future__ import annotations

import re
from collections import Counter

from common.errors import InvalidArgument, Violation
from common.names import is_digest, name_violation
from node_agent.model import Condition, Desired, Gpu, Observed, SegmentSpec, SegmentStatus, Serve, State, Tenant
from protos.sliceplane.node.v1 import node_pb2 as pb
from protos.sliceplane.type.v1 import type_pb2

MAX_PROCESSES = 48  # clients of one MPS daemon
_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,126}[A-Za-z0-9])?")

STATES = {
    State.CREATING: type_pb2.SEGMENT_STATE_CREATING,
    State.READY: type_pb2.SEGMENT_STATE_READY,
    State.FAILED: type_pb2.SEGMENT_STATE_FAILED,
    State.REMOVING: type_pb2.SEGMENT_STATE_REMOVING,
}


def desired(message: pb.Desired) -> Desired:
    """The desired state of a message. InvalidArgument if a segment makes no sense."""
    return Desired(message.epoch, message.generation, tuple(_spec(s) for s in message.segments))


def _spec(message: pb.SegmentSpec) -> SegmentSpec:
    _check(message)
    tail = message.serve == type_pb2.SERVE_KIND_TAIL
    return SegmentSpec(
        id=message.id,
        gpu_uuid=message.gpu_uuid,
        start=message.start,
        gpcs=message.gpcs,
        memory_slices=message.memory_slices,
        workload=message.workload,
        model_digest=message.model_digest,
        serve=Serve.TAIL if tail else Serve.WHOLE,
        batch=max(1, message.batch),
        processes=max(1, message.processes),
        max_queue_delay_us=message.max_queue_delay_us,
        tenants=tuple(Tenant(t.workload, t.model_digest, t.batch, t.priority) for t in message.tenants),
    )


def _check(message: pb.SegmentSpec) -> None:
    """Ids and digests become names of files here: nothing may reach out of its folder."""
    wrong = [name_violation("segments.workload", message.workload)]
    if not _ID.fullmatch(message.id):
        wrong.append(Violation("segments.id", f'"{message.id[:80]}" must be letters, digits and inner hyphens'))
    if message.tenants:
        wrong += _wrong_sharing(message)
    else:
        wrong.append(_wrong_digest("segments.model_digest", message.model_digest))
    if message.processes > MAX_PROCESSES:
        wrong.append(Violation("segments.processes", f"{message.processes} is over MPS's {MAX_PROCESSES} clients"))
    if not message.gpcs or not message.memory_slices:
        wrong.append(Violation("segments.gpcs", "an instance has at least one GPC and one memory slice"))
    if found := [violation for violation in wrong if violation]:
        raise InvalidArgument(*found)


def _wrong_digest(field: str, digest: str) -> Violation | None:
    return None if is_digest(digest) else Violation(field, f'"{digest[:80]}" is no sha256 digest')


def _wrong_sharing(message: pb.SegmentSpec) -> list[Violation | None]:
    """One Triton process serves the tenants' whole models; each of them has a folder of its own there."""
    wrong: list[Violation | None] = []
    if message.model_digest:
        wrong.append(Violation("segments.model_digest", "must be empty where tenants bring models of their own"))
    if message.serve == type_pb2.SERVE_KIND_TAIL:
        wrong.append(Violation("segments.serve", "tenants share a segment with whole models only, not with tails"))
    if message.processes > 1:
        wrong.append(Violation("segments.processes", f"tenants share one process, not {message.processes}"))
    names = Counter(tenant.workload for tenant in message.tenants)
    wrong += [_twice(name) for name, count in names.items() if count > 1]
    return wrong + [violation for tenant in message.tenants for violation in _wrong_tenant(tenant)]


def _twice(name: str) -> Violation:
    return Violation("segments.tenants.workload", f'"{name[:80]}" is there twice: name each tenant once')


def _wrong_tenant(tenant: pb.Tenant) -> list[Violation | None]:
    sizes = {"batch": tenant.batch, "priority": tenant.priority}
    low = [name for name, value in sizes.items() if value < 1]
    return [
        name_violation("segments.tenants.workload", tenant.workload),
        _wrong_digest("segments.tenants.model_digest", tenant.model_digest),
        *(Violation(f"segments.tenants.{name}", f'it is 0 for "{tenant.workload[:80]}": at least 1') for name in low),
    ]


def observed(value: Observed) -> pb.Observed:
    """The message of a report."""
    return pb.Observed(
        epoch=value.epoch,
        generation=value.generation,
        gpus=[_gpu(gpu) for gpu in value.gpus],
        segments=[_segment(segment) for segment in value.segments],
        conditions=[_condition(condition) for condition in value.conditions],
        driver_version=value.driver_version,
    )


def _gpu(gpu: Gpu) -> pb.GpuStatus:
    return pb.GpuStatus(
        uuid=gpu.uuid,
        index=gpu.index,
        product=gpu.product,
        memory_bytes=gpu.memory_bytes,
        mig_enabled=gpu.mig_enabled,
        healthy=gpu.healthy,
        message=gpu.message,
        profiles=[
            pb.MigProfile(
                name=p.name, gpcs=p.gpcs, memory_slices=p.memory_slices, starts=p.starts, memory_bytes=p.memory_bytes
            )
            for p in gpu.profiles
        ],
    )


def _segment(status: SegmentStatus) -> pb.SegmentStatus:
    endpoints = [
        type_pb2.Endpoint(host=e.host, port=e.port, metrics_port=e.metrics_port, pid=e.pid, ready=e.ready)
        for e in status.endpoints
    ]
    return pb.SegmentStatus(
        id=status.id,
        state=STATES[status.state],
        message=status.message,
        endpoints=endpoints,
        mig_uuid=status.mig_uuid,
        restarts=status.restarts,
    )


def _condition(condition: Condition) -> type_pb2.Condition:
    return type_pb2.Condition(
        type=condition.type,
        status=type_pb2.CONDITION_STATUS_TRUE,
        reason=condition.reason,
        message=condition.message,
    )
