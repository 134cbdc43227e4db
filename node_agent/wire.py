"""Converts between the node link's messages and the agent's values; the only place that knows both."""

from __future__ import annotations

import re

from common.errors import InvalidArgument, Violation
from common.names import is_digest, name_violation
from node_agent.model import Condition, Desired, Gpu, Observed, SegmentSpec, SegmentStatus, Serve, State
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
    )


def _check(message: pb.SegmentSpec) -> None:
    """Ids and digests become names of files here: nothing may reach out of its folder."""
    wrong = [name_violation("segments.workload", message.workload)]
    if not _ID.fullmatch(message.id):
        wrong.append(Violation("segments.id", f'"{message.id[:80]}" must be letters, digits and inner hyphens'))
    if not is_digest(message.model_digest):
        wrong.append(Violation("segments.model_digest", f'"{message.model_digest[:80]}" is no sha256 digest'))
    if message.processes > MAX_PROCESSES:
        wrong.append(Violation("segments.processes", f"{message.processes} is over MPS's {MAX_PROCESSES} clients"))
    if not message.gpcs or not message.memory_slices:
        wrong.append(Violation("segments.gpcs", "an instance has at least one GPC and one memory slice"))
    if found := [violation for violation in wrong if violation]:
        raise InvalidArgument(*found)


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
