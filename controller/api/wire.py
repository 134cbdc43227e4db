"""Messages to domain values and back; the only place of the API that knows both shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from common.errors import InvalidArgument, Violation
from controller.model import (
    Change,
    Changed,
    Condition,
    Device,
    Event,
    Gpu,
    Model,
    Node,
    Outcome,
    Plan,
    PlannedSegment,
    Point,
    Profile,
    Segment,
    Serve,
    State,
    Workload,
    WorkloadSpec,
)
from controller.reconcile import unschedulable_reason
from controller.service.models import Header
from controller.tenants import Tenant
from protos.sliceplane.event.v1 import event_pb2
from protos.sliceplane.fleet.v1 import fleet_pb2
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.profile.v1 import profile_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2

M = TypeVar("M", bound=Message)

# Domain word -> enum number. A test holds each table whole.
SERVE = {Serve.WHOLE: type_pb2.SERVE_KIND_WHOLE, Serve.TAIL: type_pb2.SERVE_KIND_TAIL}
STATE = {state: type_pb2.SegmentState.Value(f"SEGMENT_STATE_{state.name}") for state in State}
CHANGE = {change: type_pb2.ChangeType.Value(f"CHANGE_TYPE_{change.name}") for change in Change}
OUTCOME = {outcome: workload_pb2.ApplyOutcome.Value(f"APPLY_OUTCOME_{outcome.name}") for outcome in Outcome}
HOLDS = {
    True: type_pb2.CONDITION_STATUS_TRUE,
    False: type_pb2.CONDITION_STATUS_FALSE,
    None: type_pb2.CONDITION_STATUS_UNKNOWN,
}
FORMAT = {"onnx": model_pb2.MODEL_FORMAT_ONNX, "bundle": model_pb2.MODEL_FORMAT_BUNDLE}
ACTION = {action: plan_pb2.PlanAction.Value(f"PLAN_ACTION_{action.upper()}") for action in ("keep", "create", "remove")}


def _fill(message: M, value: Any, **more: Any) -> M:
    """Copies the fields that value and message share by name and that are plain; `more` gives the others."""
    plain = (str, int, float, bool)
    known = {field.name for field in message.DESCRIPTOR.fields} - more.keys()
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if field.name in known and isinstance(item, plain) and not isinstance(item, Enum):
            setattr(message, field.name, item)
    message.MergeFrom(type(message)(**{key: item for key, item in more.items() if item is not None}))
    return message


def time_out(value: datetime | None) -> Timestamp | None:
    """A time as a message; absent where unknown."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp


def _one(table: Mapping[Any, int], number: int, field: str, default: Any) -> Any:
    if number == 0:
        return default
    for word, known in table.items():
        if known == number:
            return word
    raise InvalidArgument(Violation(field, f"{number} is not a value that this server knows"))


def workload_in(message: workload_pb2.Workload, path: str = "workload") -> Workload:
    """What an operator sent; output-only fields are ignored. InvalidArgument for an unknown enum value."""
    sent = message.spec
    spec = WorkloadSpec(
        model=sent.model,
        rate=sent.rate,
        slo_ms=sent.slo_ms,
        model_digest=sent.model_digest,
        serve=_one(SERVE, sent.serve, f"{path}.spec.serve", Serve.WHOLE),
        max_processes=sent.max_processes,
        profile=sent.profile,
        priority=sent.priority,
        min_hosts=sent.replicas.min_hosts,
        memory_mb=sent.memory_mb,
        exclusive=sent.exclusive,
    )
    return Workload(message.name, spec, labels=dict(message.labels), etag=message.etag)


def condition_out(condition: Condition) -> type_pb2.Condition:
    """A condition."""
    status, since = HOLDS[condition.status], time_out(condition.since)
    return _fill(type_pb2.Condition(), condition, status=status, last_transition_time=since)


def workload_out(workload: Workload) -> workload_pb2.Workload:
    """A workload with its status."""
    conditions = [condition_out(condition) for condition in workload.status.conditions]
    status = workload_pb2.WorkloadStatus(conditions=conditions, target=f"xds:///{workload.name}")
    return _fill(
        workload_pb2.Workload(),
        workload,
        spec=_spec_out(workload.spec),
        status=_fill(status, workload.status),
        labels=workload.labels,
        create_time=time_out(workload.created),
        update_time=time_out(workload.updated),
    )


def _spec_out(spec: WorkloadSpec) -> workload_pb2.WorkloadSpec:
    replicas = workload_pb2.Replicas(min_hosts=spec.min_hosts) if spec.min_hosts else None
    return _fill(workload_pb2.WorkloadSpec(), spec, serve=SERVE[spec.serve], replicas=replicas)


def header_in(message: model_pb2.UploadHeader) -> Header:
    """What an upload announces."""
    kind = _one(FORMAT, message.format, "header.format", "")
    return Header(message.name, message.digest, message.size_bytes, kind, message.request_id)


def model_out(model: Model) -> model_pb2.Model:
    """A model."""
    return _fill(
        model_pb2.Model(),
        model,
        format=FORMAT[model.format],
        inputs=[_tensor(t) for t in model.inputs],
        outputs=[_tensor(t) for t in model.outputs],
        versions=model.versions,
        update_time=time_out(model.updated),
    )


def _tensor(tensor: Any) -> model_pb2.Tensor:
    return model_pb2.Tensor(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)


def profile_in(message: profile_pb2.Profile) -> Profile:
    """A profile as sent."""
    points = (Point(p.size, p.batch, p.processes, p.throughput, p.latency_ms) for p in message.points)
    return Profile(message.name, message.gpu_product, tuple(points), message.source, message.etag)


def profile_out(profile: Profile, *, with_points: bool) -> profile_pb2.Profile:
    """A profile, with or without its points."""
    points = [_fill(profile_pb2.ProfilePoint(), p) for p in profile.points] if with_points else []
    count, updated = len(profile.points), time_out(profile.updated)
    return _fill(profile_pb2.Profile(), profile, points=points, point_count=count, update_time=updated)


def node_out(node: Node) -> fleet_pb2.Node:
    """A GPU host."""
    return _fill(
        fleet_pb2.Node(),
        node,
        last_seen=time_out(node.last_seen),
        conditions=[condition_out(condition) for condition in node.conditions],
        observed_generation=node.observed,
        desired_generation=node.desired,
        gpu_count=node.gpus,
    )


def gpu_out(gpu: Gpu) -> fleet_pb2.Gpu:
    """A GPU; what keeps segments off it is said in one sentence."""
    why = unschedulable_reason(gpu)
    return _fill(fleet_pb2.Gpu(), gpu, schedulable=not why, unschedulable_reason=why)


def segment_out(segment: Segment) -> fleet_pb2.Segment:
    """A segment."""
    endpoints = [_fill(type_pb2.Endpoint(), endpoint) for endpoint in segment.endpoints]
    serve, state = SERVE[segment.serve], STATE[segment.state]
    tenants = _tenants(segment.tenants)
    return _fill(fleet_pb2.Segment(), segment, serve=serve, state=state, endpoints=endpoints, tenants=tenants)


def _tenants(tenants: Iterable[Tenant]) -> list[type_pb2.Tenant]:
    return [_fill(type_pb2.Tenant(), tenant) for tenant in tenants]


def device_out(device: Device) -> fleet_pb2.Device:
    """An edge device."""
    return _fill(fleet_pb2.Device(), device, last_seen=time_out(device.last_seen))


def plan_out(plan: Plan) -> plan_pb2.Plan:
    """A plan."""
    segments = [_planned(segment) for segment in plan.segments]
    shortfalls = [_fill(plan_pb2.Shortfall(), shortfall) for shortfall in plan.shortfalls]
    created = time_out(plan.created)
    return _fill(plan_pb2.Plan(), plan, segments=segments, shortfalls=shortfalls, create_time=created)


def _planned(segment: PlannedSegment) -> plan_pb2.PlannedSegment:
    tenants = _tenants(segment.tenants)
    return _fill(plan_pb2.PlannedSegment(), segment, action=ACTION[segment.action], tenants=tenants)


def event_out(event: Event) -> event_pb2.Event:
    """An event."""
    severity = event_pb2.SEVERITY_WARNING if event.warning else event_pb2.SEVERITY_INFO
    return _fill(event_pb2.Event(), event, severity=severity, time=time_out(event.time))


def change_out(change: Changed[Any]) -> dict[str, Any]:
    """What every watch response carries of a change."""
    return {"type": CHANGE[change.type], "revision": change.revision}
