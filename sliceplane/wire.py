"""Messages to the client's own values and back; the only place that knows both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from protos.sliceplane.event.v1 import event_pb2
from protos.sliceplane.fleet.v1 import fleet_pb2
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.profile.v1 import profile_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from sliceplane import types
from sliceplane.tenants import Tenant

SERVE: dict[int, str] = {
    type_pb2.SERVE_KIND_UNSPECIFIED: "whole",
    type_pb2.SERVE_KIND_WHOLE: "whole",
    type_pb2.SERVE_KIND_TAIL: "tail",
}
SERVE_BACK = {"whole": type_pb2.SERVE_KIND_WHOLE, "tail": type_pb2.SERVE_KIND_TAIL}
STATUS: dict[int, bool | None] = {type_pb2.CONDITION_STATUS_TRUE: True, type_pb2.CONDITION_STATUS_FALSE: False}
STATE: dict[int, str] = {
    type_pb2.SEGMENT_STATE_PLANNED: "planned",
    type_pb2.SEGMENT_STATE_CREATING: "creating",
    type_pb2.SEGMENT_STATE_READY: "ready",
    type_pb2.SEGMENT_STATE_FAILED: "failed",
    type_pb2.SEGMENT_STATE_DRAINING: "draining",
    type_pb2.SEGMENT_STATE_REMOVING: "removing",
}
CHANGE: dict[int, str] = {
    type_pb2.CHANGE_TYPE_UPDATED: "updated",
    type_pb2.CHANGE_TYPE_DELETED: "deleted",
    type_pb2.CHANGE_TYPE_BOOKMARK: "bookmark",
}
OUTCOME: dict[int, str] = {
    workload_pb2.APPLY_OUTCOME_CREATED: "created",
    workload_pb2.APPLY_OUTCOME_UPDATED: "updated",
    workload_pb2.APPLY_OUTCOME_UNCHANGED: "unchanged",
}
FORMAT: dict[int, str] = {model_pb2.MODEL_FORMAT_ONNX: "onnx", model_pb2.MODEL_FORMAT_BUNDLE: "bundle"}
FORMAT_BACK = {
    "": model_pb2.MODEL_FORMAT_UNSPECIFIED,
    "onnx": model_pb2.MODEL_FORMAT_ONNX,
    "bundle": model_pb2.MODEL_FORMAT_BUNDLE,
}
ACTION: dict[int, str] = {
    plan_pb2.PLAN_ACTION_KEEP: "keep",
    plan_pb2.PLAN_ACTION_CREATE: "create",
    plan_pb2.PLAN_ACTION_REMOVE: "remove",
}
SEVERITY: dict[int, str] = {event_pb2.SEVERITY_INFO: "info", event_pb2.SEVERITY_WARNING: "warning"}

# A newer server may say more than we know: its word is shown as unknown, never a crash.
UNKNOWN = "unknown"


def _when(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.seconds or stamp.nanos else None


def _condition(m: type_pb2.Condition) -> types.Condition:
    return types.Condition(m.type, STATUS.get(m.status), m.reason, m.message, _when(m.last_transition_time))


def workload(m: workload_pb2.Workload) -> types.Workload:
    """A workload as the server gives it."""
    return types.Workload(
        name=m.name,
        spec=_spec(m.spec),
        labels=dict(sorted(m.labels.items())),
        etag=m.etag,
        uid=m.uid,
        generation=m.generation,
        created=_when(m.create_time),
        updated=_when(m.update_time),
        status=_status(m.status),
    )


def _spec(m: workload_pb2.WorkloadSpec) -> types.WorkloadSpec:
    return types.WorkloadSpec(
        model=m.model,
        rate=m.rate,
        slo_ms=m.slo_ms,
        model_digest=m.model_digest,
        serve=SERVE.get(m.serve, UNKNOWN),
        max_processes=m.max_processes,
        profile=m.profile,
        priority=m.priority,
        min_hosts=m.replicas.min_hosts,
        memory_mb=m.memory_mb,
        exclusive=m.exclusive,
    )


def _status(m: workload_pb2.WorkloadStatus) -> types.WorkloadStatus:
    return types.WorkloadStatus(
        conditions=tuple(map(_condition, m.conditions)),
        observed_generation=m.observed_generation,
        planned_segments=m.planned_segments,
        ready_segments=m.ready_segments,
        planned_throughput=m.planned_throughput,
        ready_throughput=m.ready_throughput,
        model_digest=m.model_digest,
        target=m.target,
    )


def workload_message(value: types.Workload) -> workload_pb2.Workload:
    """The message of what a server reads of a workload."""
    spec = value.spec
    return workload_pb2.Workload(
        name=value.name,
        labels=dict(value.labels),
        etag=value.etag,
        spec=workload_pb2.WorkloadSpec(
            model=spec.model,
            model_digest=spec.model_digest,
            rate=spec.rate,
            slo_ms=spec.slo_ms,
            serve=SERVE_BACK[spec.serve],
            max_processes=spec.max_processes,
            profile=spec.profile,
            priority=spec.priority,
            replicas=workload_pb2.Replicas(min_hosts=spec.min_hosts),
            memory_mb=spec.memory_mb,
            exclusive=spec.exclusive,
        ),
    )


def applied(m: workload_pb2.ApplyWorkloadResponse) -> types.Applied:
    """What an apply did."""
    return types.Applied(workload(m.workload), OUTCOME.get(m.outcome, UNKNOWN), tuple(m.plan_preview))


def _tensor(m: model_pb2.Tensor) -> types.Tensor:
    return types.Tensor(m.name, m.datatype, tuple(m.shape))


def model(m: model_pb2.Model) -> types.Model:
    """A model."""
    return types.Model(
        name=m.name,
        digest=m.digest,
        size_bytes=m.size_bytes,
        format=FORMAT.get(m.format, UNKNOWN),
        inputs=tuple(map(_tensor, m.inputs)),
        outputs=tuple(map(_tensor, m.outputs)),
        batchable=m.batchable,
        versions=tuple(m.versions),
        etag=m.etag,
        updated=_when(m.update_time),
    )


def profile(m: profile_pb2.Profile) -> types.Profile:
    """A profile."""
    points = (types.Point(p.size, p.batch, p.processes, p.throughput, p.latency_ms) for p in m.points)
    return types.Profile(
        name=m.name,
        points=tuple(points),
        gpu_product=m.gpu_product,
        point_count=m.point_count,
        source=m.source,
        etag=m.etag,
        updated=_when(m.update_time),
    )


def profile_message(value: types.Profile) -> profile_pb2.Profile:
    """The message of a profile to import."""
    point = profile_pb2.ProfilePoint
    return profile_pb2.Profile(
        name=value.name,
        gpu_product=value.gpu_product,
        source=value.source,
        points=[
            point(size=p.size, batch=p.batch, processes=p.processes, throughput=p.throughput, latency_ms=p.latency_ms)
            for p in value.points
        ],
    )


def node(m: fleet_pb2.Node) -> types.Node:
    """A GPU host."""
    return types.Node(
        name=m.name,
        address=m.address,
        connected=m.connected,
        last_seen=_when(m.last_seen),
        agent_version=m.agent_version,
        driver_version=m.driver_version,
        conditions=tuple(map(_condition, m.conditions)),
        observed_generation=m.observed_generation,
        desired_generation=m.desired_generation,
        gpu_count=m.gpu_count,
    )


def gpu(m: fleet_pb2.Gpu) -> types.Gpu:
    """A GPU."""
    return types.Gpu(
        uuid=m.uuid,
        node=m.node,
        index=m.index,
        product=m.product,
        memory_bytes=m.memory_bytes,
        mig_enabled=m.mig_enabled,
        schedulable=m.schedulable,
        unschedulable_reason=m.unschedulable_reason,
        cordoned=m.cordoned,
    )


def segment(m: fleet_pb2.Segment) -> types.Segment:
    """A segment."""
    return types.Segment(
        id=m.id,
        workload=m.workload,
        node=m.node,
        gpu_uuid=m.gpu_uuid,
        gpu_index=m.gpu_index,
        start=m.start,
        gpcs=m.gpcs,
        memory_slices=m.memory_slices,
        profile=m.profile,
        batch=m.batch,
        processes=m.processes,
        throughput=m.throughput,
        latency_ms=m.latency_ms,
        model_digest=m.model_digest,
        serve=SERVE.get(m.serve, UNKNOWN),
        state=STATE.get(m.state, UNKNOWN),
        message=m.message,
        endpoints=tuple(types.Endpoint(e.host, e.port, e.metrics_port, e.pid, e.ready) for e in m.endpoints),
        mig_uuid=m.mig_uuid,
        restarts=m.restarts,
        pinned=m.pinned,
        tenants=_tenants(m.tenants),
    )


def _tenants(messages: Iterable[type_pb2.Tenant]) -> tuple[Tenant, ...]:
    return tuple(Tenant(m.workload, m.model_digest, m.batch, m.priority, m.throughput, m.latency_ms) for m in messages)


def device(m: fleet_pb2.Device) -> types.Device:
    """An edge device."""
    return types.Device(
        name=m.name,
        workload=m.workload,
        connected=m.connected,
        last_seen=_when(m.last_seen),
        agent_version=m.agent_version,
        bundle_digest=m.bundle_digest,
        frames_split=m.frames_split,
        frames_local=m.frames_local,
        frames_failed=m.frames_failed,
        bytes_sent=m.bytes_sent,
        level=m.level,
        latency_p50_ms=m.latency_p50_ms,
        latency_p95_ms=m.latency_p95_ms,
        refused_bundle_digest=m.refused_bundle_digest,
        refusal=m.refusal,
        frames_skipped=m.frames_skipped,
        frames_dropped=m.frames_dropped,
    )


def _planned(m: plan_pb2.PlannedSegment) -> types.PlannedSegment:
    return types.PlannedSegment(
        node=m.node,
        gpu_uuid=m.gpu_uuid,
        gpu_index=m.gpu_index,
        start=m.start,
        profile=m.profile,
        gpcs=m.gpcs,
        workload=m.workload,
        batch=m.batch,
        processes=m.processes,
        throughput=m.throughput,
        latency_ms=m.latency_ms,
        action=ACTION.get(m.action, UNKNOWN),
        tenants=_tenants(m.tenants),
    )


def plan(m: plan_pb2.Plan) -> types.Plan:
    """A plan."""
    return types.Plan(
        id=m.id,
        created=_when(m.create_time),
        algorithm=m.algorithm,
        gpus=m.gpus,
        lower_bound=m.lower_bound,
        gpcs=m.gpcs,
        segments=tuple(map(_planned, m.segments)),
        shortfalls=tuple(types.Shortfall(s.workload, s.reason, s.detail) for s in m.shortfalls),
        trigger=m.trigger,
        elapsed_ms=m.elapsed_ms,
    )


def event(m: event_pb2.Event) -> types.Event:
    """An event."""
    return types.Event(
        revision=m.revision,
        time=_when(m.time),
        severity=SEVERITY.get(m.severity, UNKNOWN),
        subject_kind=m.subject_kind,
        subject=m.subject,
        reason=m.reason,
        message=m.message,
    )
