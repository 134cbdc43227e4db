"""Link messages to domain values and back; the only place of the links that knows both shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from common.errors import InvalidArgument, Violation
from common.names import name_violation
from controller.model import Condition, Device, Endpoint, Gpu, MigProfile, Node, Segment, Serve, State
from protos.sliceplane.edge.v1 import edge_pb2
from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.type.v1 import type_pb2

# What an agent may say of a segment; anything else it says means that the segment does not serve.
STATES = {
    type_pb2.SEGMENT_STATE_PLANNED: State.CREATING,
    type_pb2.SEGMENT_STATE_CREATING: State.CREATING,
    type_pb2.SEGMENT_STATE_READY: State.READY,
    type_pb2.SEGMENT_STATE_FAILED: State.FAILED,
    type_pb2.SEGMENT_STATE_DRAINING: State.REMOVING,
    type_pb2.SEGMENT_STATE_REMOVING: State.REMOVING,
}
SERVE = {Serve.WHOLE: type_pb2.SERVE_KIND_WHOLE, Serve.TAIL: type_pb2.SERVE_KIND_TAIL}
MOST_DIGEST, MOST_REFUSAL = 80, 500  # characters of what a device says of a bundle that it refuses
HOLDS = {type_pb2.CONDITION_STATUS_TRUE: True, type_pb2.CONDITION_STATUS_FALSE: False}


def node_in(hello: node_pb2.Hello, now: datetime) -> Node:
    """Who dialled. InvalidArgument for a bad name or no address."""
    _check(name_violation("hello.node", hello.node), _missing("hello.address", hello.address))
    return Node(hello.node, hello.address, connected=True, last_seen=now, agent_version=hello.agent_version)


def observed_in(
    node: Node, message: node_pb2.Observed, now: datetime
) -> tuple[Node, tuple[Gpu, ...], tuple[Segment, ...]]:
    """A report: its node fields, GPUs and segments. InvalidArgument names a field that makes no sense."""
    reported = Node(
        node.name,
        node.address,
        connected=True,
        last_seen=now,
        agent_version=node.agent_version,
        driver_version=message.driver_version,
        conditions=tuple(_condition(condition) for condition in message.conditions),
        observed=message.generation,
    )
    gpus = tuple(_gpu(node.name, gpu) for gpu in message.gpus)
    return reported, gpus, tuple(_segments(node, message.segments))


def desired_out(epoch: int, generation: int, segments: Iterable[Segment]) -> node_pb2.Desired:
    """All that a host shall run."""
    return node_pb2.Desired(epoch=epoch, generation=generation, segments=[_spec(segment) for segment in segments])


def device_in(hello: edge_pb2.Hello, now: datetime) -> Device:
    """Which device dialled. InvalidArgument for a bad name."""
    workload = name_violation("hello.workload", hello.workload) if hello.workload else None
    _check(name_violation("hello.device", hello.device), workload)
    return Device(hello.device, hello.workload, connected=True, last_seen=now, agent_version=hello.agent_version)


def report_in(device: Device, message: edge_pb2.Report, now: datetime) -> Device:
    """The device as it says that it does."""
    return Device(
        name=device.name,
        workload=device.workload,
        connected=True,
        last_seen=now,
        agent_version=device.agent_version,
        bundle_digest=message.bundle_digest,
        frames_split=message.frames_split,
        frames_local=message.frames_local,
        frames_failed=message.frames_failed,
        bytes_sent=message.bytes_sent,
        level=message.level,
        latency_p50_ms=message.latency_p50_ms,
        latency_p95_ms=message.latency_p95_ms,
        refused_bundle_digest=message.refused_bundle_digest[:MOST_DIGEST],
        refusal=message.refusal[:MOST_REFUSAL],
        frames_skipped=message.frames_skipped,
        frames_dropped=message.frames_dropped,
    )


def assignment_out(
    workload: str, digest: str, message: str, interval_s: float, beside: Mapping[str, str]
) -> edge_pb2.Assignment:
    """What a device shall run; empty `workload`: nothing, because of `message`. `beside`: digests of other cuts."""
    interval = Duration()
    interval.FromMilliseconds(int(interval_s * 1000))
    target = f"xds:///{workload}" if workload else ""
    return edge_pb2.Assignment(
        workload=workload,
        bundle_digest=digest,
        tail_target=target,
        message=message,
        report_interval=interval,
        others=[
            edge_pb2.Cut(workload=name, bundle_digest=other, tail_target=f"xds:///{name}")
            for name, other in beside.items()
            if other
        ],
    )


def _check(*found: Violation | None) -> None:
    violations = [violation for violation in found if violation]
    if violations:
        raise InvalidArgument(*violations)


def _missing(field: str, value: str) -> Violation | None:
    return None if value.strip() else Violation(field, "it is empty: say where endpoints are dialled at")


def _condition(message: type_pb2.Condition) -> Condition:
    since = _time(message.last_transition_time) if message.HasField("last_transition_time") else None
    return Condition(message.type, HOLDS.get(message.status), message.reason, message.message, since)


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _gpu(node: str, message: node_pb2.GpuStatus) -> Gpu:
    _check(None if message.uuid else Violation("observed.gpus.uuid", "it is empty"))
    return Gpu(
        uuid=message.uuid,
        node=node,
        index=message.index,
        product=message.product,
        memory_bytes=message.memory_bytes,
        mig_enabled=message.mig_enabled,
        healthy=message.healthy,
        message=message.message,
        profiles=tuple(
            MigProfile(p.name, p.gpcs, p.memory_slices, tuple(p.starts), p.memory_bytes) for p in message.profiles
        ),
    )


def _segments(node: Node, messages: Iterable[node_pb2.SegmentStatus]) -> Iterable[Segment]:
    for index, message in enumerate(messages):
        path = f"observed.segments[{index}]"
        ends = tuple(_endpoint(node, end, f"{path}.endpoints") for end in message.endpoints)
        yield Segment(
            id=message.id,
            node=node.name,
            state=STATES.get(message.state, State.FAILED),
            message=message.message,
            endpoints=ends,
            mig_uuid=message.mig_uuid,
            restarts=message.restarts,
            # What it is was fixed at its birth: a report has no say in it, and the store keeps its own.
            workload="",
            gpu_uuid="",
            gpu_index=0,
            start=0,
            gpcs=0,
            memory_slices=0,
            profile="",
            batch=0,
            processes=0,
            throughput=0.0,
            latency_ms=0.0,
            model_digest="",
        )


def _endpoint(node: Node, message: type_pb2.Endpoint, path: str) -> Endpoint:
    if message.ready and not 0 < message.port < 65536:
        raise InvalidArgument(Violation(f"{path}.port", f"{message.port} is no TCP port: use 1 to 65535"))
    host = message.host or node.address
    return Endpoint(host, message.port, message.metrics_port, message.pid, message.ready)


def _spec(segment: Segment) -> node_pb2.SegmentSpec:
    return node_pb2.SegmentSpec(
        id=segment.id,
        gpu_uuid=segment.gpu_uuid,
        start=segment.start,
        gpcs=segment.gpcs,
        memory_slices=segment.memory_slices,
        workload=segment.workload,
        model_digest=segment.model_digest,
        serve=SERVE[segment.serve],
        batch=segment.batch,
        processes=segment.processes,
        max_queue_delay_us=segment.max_queue_delay_us,
        tenants=[
            node_pb2.Tenant(workload=t.workload, model_digest=t.model_digest, batch=t.batch, priority=t.priority)
            for t in segment.tenants
        ],
    )
