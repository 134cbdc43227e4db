"""What the tables of each kind show."""

from __future__ import annotations

from sliceplane.cli.tables import Column, age, clock, dash, number, short, size, tenths, yes
from sliceplane.tenants import Tenant, workload_names
from sliceplane.types import (
    Condition,
    Device,
    Endpoint,
    Event,
    Gpu,
    Model,
    Node,
    Plan,
    PlannedSegment,
    Point,
    Profile,
    Segment,
    Shortfall,
    Tensor,
    Workload,
)

GENERAL_CONDITIONS = ("Planned", "Ready")


def workload_state(workload: Workload) -> str:
    """ "ready", or the reason why not."""
    if workload.ready:
        return "ready"
    if workload.status.observed_generation < workload.generation:
        return "pending"
    for type_ in GENERAL_CONDITIONS:
        condition = workload.status.condition(type_)
        if condition is not None and condition.status is not True:
            return condition.reason or f"not {type_.lower()}"
    return "pending"


def _refused(device: Device) -> str:
    if not device.refusal:
        return "-"
    return short(device.refused_bundle_digest) if device.refused_bundle_digest else "a bundle"


def _node_state(node: Node) -> str:
    if not node.connected:
        return "disconnected"
    stated = [condition.type for condition in node.conditions if condition.status]
    return ",".join(stated) or ("ready" if node.observed_generation >= node.desired_generation else "converging")


def _actions(plan: Plan, action: str) -> str:
    return str(sum(segment.action == action for segment in plan.segments))


def _tensors(tensors: tuple[Tensor, ...]) -> str:
    return " ".join(tensor_text(tensor) for tensor in tensors) or "-"


def tensor_text(tensor: Tensor) -> str:
    """ "x:FP32[-1,3,48,320]"."""
    return f"{tensor.name}:{tensor.datatype}[{','.join(map(str, tensor.shape))}]"


WORKLOAD: tuple[Column[Workload], ...] = (
    Column("NAME", lambda one: one.name),
    Column("MODEL", lambda one: one.spec.model),
    Column("RATE/S", lambda one: number(one.spec.rate), right=True),
    Column("SLO MS", lambda one: number(one.spec.slo_ms), right=True),
    Column("SEGMENTS", lambda one: f"{one.status.ready_segments}/{one.status.planned_segments}", right=True),
    Column("CAPACITY/S", lambda one: tenths(one.status.ready_throughput), right=True),
    Column("STATUS", workload_state),
    Column("AGE", lambda one: age(one.created), right=True),
    Column("SERVE", lambda one: one.spec.serve, wide=True),
    Column("PLANNED/S", lambda one: tenths(one.status.planned_throughput), wide=True, right=True),
    Column("GENERATION", lambda one: str(one.generation), wide=True, right=True),
    Column("DIGEST", lambda one: short(one.status.model_digest), wide=True),
    Column("TARGET", lambda one: dash(one.status.target), wide=True),
)
MODEL: tuple[Column[Model], ...] = (
    Column("NAME", lambda one: one.name),
    Column("FORMAT", lambda one: one.format),
    Column("SIZE", lambda one: size(one.size_bytes), right=True),
    Column("DIGEST", lambda one: short(one.digest)),
    Column("VERSIONS", lambda one: str(len(one.versions)), right=True),
    Column("BATCHABLE", lambda one: yes(one.batchable)),
    Column("AGE", lambda one: age(one.updated), right=True),
    Column("INPUTS", lambda one: _tensors(one.inputs), wide=True),
    Column("OUTPUTS", lambda one: _tensors(one.outputs), wide=True),
)
PROFILE: tuple[Column[Profile], ...] = (
    Column("NAME", lambda one: one.name),
    Column("GPU", lambda one: dash(one.gpu_product)),
    Column("POINTS", lambda one: str(one.point_count or len(one.points)), right=True),
    Column("SOURCE", lambda one: dash(one.source)),
    Column("AGE", lambda one: age(one.updated), right=True),
)
POINT: tuple[Column[Point], ...] = (
    Column("GPCS", lambda one: str(one.size), right=True),
    Column("BATCH", lambda one: str(one.batch), right=True),
    Column("PROCESSES", lambda one: str(one.processes), right=True),
    Column("ITEMS/S", lambda one: tenths(one.throughput), right=True),
    Column("LATENCY MS", lambda one: tenths(one.latency_ms), right=True),
)
NODE: tuple[Column[Node], ...] = (
    Column("NAME", lambda one: one.name),
    Column("CONNECTED", lambda one: yes(one.connected)),
    Column("GPUS", lambda one: str(one.gpu_count), right=True),
    Column("STATUS", _node_state),
    Column("GENERATION", lambda one: f"{one.observed_generation}/{one.desired_generation}", right=True),
    Column("LAST SEEN", lambda one: age(one.last_seen), right=True),
    Column("ADDRESS", lambda one: dash(one.address), wide=True),
    Column("AGENT", lambda one: dash(one.agent_version), wide=True),
    Column("DRIVER", lambda one: dash(one.driver_version), wide=True),
)
GPU: tuple[Column[Gpu], ...] = (
    Column("NAME", lambda one: one.name),
    Column("PRODUCT", lambda one: one.product),
    Column("MEMORY", lambda one: size(one.memory_bytes), right=True),
    Column("MIG", lambda one: yes(one.mig_enabled)),
    Column("SCHEDULABLE", lambda one: yes(one.schedulable)),
    Column("UUID", lambda one: one.uuid),
    Column("WHY NOT", lambda one: dash(one.unschedulable_reason), wide=True),
)
SEGMENT: tuple[Column[Segment], ...] = (
    Column("ID", lambda one: one.id),
    Column("WORKLOAD", workload_names),
    Column("GPU", lambda one: f"{one.node}/{one.gpu_index}"),
    Column("START", lambda one: str(one.start), right=True),
    Column("PROFILE", lambda one: one.profile),
    Column("BATCH", lambda one: str(one.batch), right=True),
    Column("PROCESSES", lambda one: str(one.processes), right=True),
    Column("ITEMS/S", lambda one: tenths(one.throughput), right=True),
    Column("LATENCY MS", lambda one: tenths(one.latency_ms), right=True),
    Column("STATE", lambda one: one.state),
    Column("RESTARTS", lambda one: str(one.restarts), right=True),
    Column("PINNED", lambda one: yes(one.pinned), wide=True),
    Column("MESSAGE", lambda one: dash(one.message)),
    Column("SERVE", lambda one: one.serve, wide=True),
    Column("DIGEST", lambda one: short(one.model_digest), wide=True),
    Column("MIG", lambda one: dash(one.mig_uuid), wide=True),
    Column("ENDPOINTS", lambda one: ",".join(f"{e.host}:{e.port}" for e in one.endpoints) or "-", wide=True),
)
TENANT: tuple[Column[Tenant], ...] = (
    Column("WORKLOAD", lambda one: one.workload),
    Column("BATCH", lambda one: str(one.batch), right=True),
    Column("PRIORITY", lambda one: str(one.priority), right=True),
    Column("ITEMS/S", lambda one: tenths(one.throughput), right=True),
    Column("LATENCY MS", lambda one: tenths(one.latency_ms), right=True),
    Column("DIGEST", lambda one: short(one.model_digest)),
)
ENDPOINT: tuple[Column[Endpoint], ...] = (
    Column("ADDRESS", lambda one: f"{one.host}:{one.port}"),
    Column("READY", lambda one: yes(one.ready)),
    Column("PID", lambda one: dash(one.pid or ""), right=True),
    Column("METRICS PORT", lambda one: dash(one.metrics_port or ""), right=True),
)
DEVICE: tuple[Column[Device], ...] = (
    Column("NAME", lambda one: one.name),
    Column("WORKLOAD", lambda one: dash(one.workload)),
    Column("CONNECTED", lambda one: yes(one.connected)),
    Column("LEVEL", lambda one: dash(one.level)),
    Column("SPLIT", lambda one: str(one.frames_split), right=True),
    Column("LOCAL", lambda one: str(one.frames_local), right=True),
    Column("FAILED", lambda one: str(one.frames_failed), right=True),
    Column("SENT", lambda one: size(one.bytes_sent), right=True),
    Column("P50 MS", lambda one: tenths(one.latency_p50_ms), right=True),
    Column("P95 MS", lambda one: tenths(one.latency_p95_ms), right=True),
    Column("LAST SEEN", lambda one: age(one.last_seen), right=True),
    Column("REFUSES", _refused),
    Column("SKIPPED", lambda one: str(one.frames_skipped), wide=True, right=True),
    Column("DROPPED", lambda one: str(one.frames_dropped), wide=True, right=True),
    Column("BUNDLE", lambda one: short(one.bundle_digest), wide=True),
    Column("AGENT", lambda one: dash(one.agent_version), wide=True),
)
PLAN: tuple[Column[Plan], ...] = (
    Column("ID", lambda one: str(one.id), right=True),
    Column("ALGORITHM", lambda one: one.algorithm),
    Column("GPUS", lambda one: str(one.gpus), right=True),
    Column("BOUND", lambda one: str(one.lower_bound), right=True),
    Column("GPCS", lambda one: str(one.gpcs), right=True),
    Column("KEEP", lambda one: _actions(one, "keep"), right=True),
    Column("CREATE", lambda one: _actions(one, "create"), right=True),
    Column("REMOVE", lambda one: _actions(one, "remove"), right=True),
    Column("UNSERVED", lambda one: str(len(one.shortfalls)), right=True),
    Column("AGE", lambda one: age(one.created), right=True),
    Column("TRIGGER", lambda one: dash(one.trigger)),
    Column("MS", lambda one: number(one.elapsed_ms), wide=True, right=True),
)
PLANNED_SEGMENT: tuple[Column[PlannedSegment], ...] = (
    Column("ACTION", lambda one: one.action),
    Column("WORKLOAD", workload_names),
    Column("GPU", lambda one: f"{one.node}/{one.gpu_index}"),
    Column("START", lambda one: str(one.start), right=True),
    Column("PROFILE", lambda one: one.profile),
    Column("BATCH", lambda one: str(one.batch), right=True),
    Column("PROCESSES", lambda one: str(one.processes), right=True),
    Column("ITEMS/S", lambda one: tenths(one.throughput), right=True),
    Column("LATENCY MS", lambda one: tenths(one.latency_ms), right=True),
)
SHORTFALL: tuple[Column[Shortfall], ...] = (
    Column("UNSERVED", lambda one: one.workload),
    Column("REASON", lambda one: one.reason),
    Column("DETAIL", lambda one: one.detail),
)
CONDITION: tuple[Column[Condition], ...] = (
    Column("CONDITION", lambda one: one.type),
    Column("HOLDS", lambda one: yes(one.status)),
    Column("REASON", lambda one: dash(one.reason)),
    Column("SINCE", lambda one: age(one.since), right=True),
    Column("MESSAGE", lambda one: dash(one.message)),
)
EVENT: tuple[Column[Event], ...] = (
    Column("TIME", lambda one: clock(one.time)),
    Column("SEVERITY", lambda one: one.severity),
    Column("SUBJECT", lambda one: f"{one.subject_kind}/{one.subject}"),
    Column("REASON", lambda one: one.reason),
    Column("MESSAGE", lambda one: one.message),
    Column("REVISION", lambda one: str(one.revision), wide=True, right=True),
)
