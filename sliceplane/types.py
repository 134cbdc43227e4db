"""What the client gives and takes: frozen values; times are UTC, rates requests/s, latencies milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sliceplane.tenants import Tenant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Condition:
    """One observed fact; `status` is True, False or None (unknown)."""

    type: str
    status: bool | None
    reason: str = ""
    message: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """What to serve, how much and how fast. `serve`: "whole" or "tail"; `max_processes` 0: the planner's own.

    Where GPUs are too few the higher `priority` is served first. `min_hosts`: hosts that it is served from at least,
    0: one. `memory_mb`: GPU memory of one process, MB; 0: not known. `exclusive`: it never shares a segment.
    """

    model: str
    rate: float
    slo_ms: float
    model_digest: str = ""
    serve: str = "whole"
    max_processes: int = 0
    profile: str = ""
    priority: int = 0
    min_hosts: int = 0
    memory_mb: float = 0.0
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """What the plane observes of a workload."""

    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    planned_segments: int = 0
    ready_segments: int = 0
    planned_throughput: float = 0.0
    ready_throughput: float = 0.0
    model_digest: str = ""
    target: str = ""

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, if stated."""
        return next((c for c in self.conditions if c.type == type_), None)


@dataclass(frozen=True, slots=True)
class Workload:
    """One service to be met. Only `name`, `spec`, `labels` and `etag` are read by the server."""

    name: str
    spec: WorkloadSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    uid: str = ""
    generation: int = 0
    created: datetime | None = None
    updated: datetime | None = None
    status: WorkloadStatus = field(default_factory=WorkloadStatus)

    @property
    def ready(self) -> bool:
        """Whether the newest spec is planned and all planned capacity answers."""
        condition = self.status.condition("Ready")
        current = self.status.observed_generation >= self.generation
        return current and condition is not None and condition.status is True


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. `outcome`: "created", "updated" or "unchanged"; `preview` with validate_only."""

    workload: Workload
    outcome: str
    preview: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output; `datatype` as Triton names it; -1 in `shape`: varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A named model and its newest version. `format`: "onnx" or "bundle"; `versions` newest first."""

    name: str
    digest: str
    size_bytes: int
    format: str
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    batchable: bool = False
    versions: tuple[str, ...] = ()
    etag: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """A finished upload; `already_existed`: the bytes were there."""

    model: Model
    already_existed: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: `throughput` of the whole segment in items/s, `latency_ms` of one batch; `size` in GPCs."""

    size: int
    batch: int
    processes: int
    throughput: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A model's measurements on one kind of GPU; `points` is empty in lists, `point_count` is not."""

    name: str
    points: tuple[Point, ...] = ()
    gpu_product: str = ""
    point_count: int = 0
    source: str = ""
    etag: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A GPU host; generations are of its desired state."""

    name: str
    address: str
    connected: bool
    last_seen: datetime | None = None
    agent_version: str = ""
    driver_version: str = ""
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    desired_generation: int = 0
    gpu_count: int = 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One physical GPU."""

    uuid: str
    node: str
    index: int
    product: str
    memory_bytes: int
    mig_enabled: bool
    schedulable: bool
    unschedulable_reason: str = ""
    cordoned: bool = False

    @property
    def name(self) -> str:
        """Host and index, for people: "host/0"."""
        return f"{self.node}/{self.index}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one process of a segment answers."""

    host: str
    port: int
    metrics_port: int = 0
    pid: int = 0
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A MIG instance with its Triton processes; `start` and `memory_slices` in memory slices, `gpcs` in GPCs.

    Of a shared one `workload` is the group's name, and `tenants` are who shares it.
    """

    id: str
    workload: str
    node: str
    gpu_uuid: str
    gpu_index: int
    start: int
    gpcs: int
    memory_slices: int
    profile: str
    batch: int
    processes: int
    throughput: float
    latency_ms: float
    model_digest: str = ""
    serve: str = "whole"
    state: str = "planned"
    message: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    mig_uuid: str = ""
    restarts: int = 0
    pinned: bool = False
    tenants: tuple[Tenant, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """An IIoT gateway and its last report; `refusal`: why it refused a bundle, "" if it refuses none."""

    name: str
    workload: str
    connected: bool
    last_seen: datetime | None = None
    agent_version: str = ""
    bundle_digest: str = ""
    frames_split: int = 0
    frames_local: int = 0
    frames_failed: int = 0
    bytes_sent: int = 0
    level: str = ""
    latency_p50_ms: float = 0.0
    latency_p95_ms: float = 0.0
    refused_bundle_digest: str = ""
    refusal: str = ""
    frames_skipped: int = 0
    frames_dropped: int = 0


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A segment of a plan; `action`: "keep", "create" or "remove". `tenants`: who shares it."""

    node: str
    gpu_uuid: str
    gpu_index: int
    start: int
    profile: str
    gpcs: int
    workload: str
    batch: int
    processes: int
    throughput: float
    latency_ms: float
    action: str
    tenants: tuple[Tenant, ...] = ()


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A workload, or a part of its rate, that a plan does not serve."""

    workload: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision of the allocator; `id` 0 in a preview."""

    id: int
    created: datetime | None
    algorithm: str
    gpus: int
    lower_bound: int
    gpcs: int
    segments: tuple[PlannedSegment, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    trigger: str = ""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `severity`: "info" or "warning"; `revision` orders events."""

    revision: int
    time: datetime | None
    severity: str
    subject_kind: str
    subject: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One entry of a watch. `type`: "updated", "deleted" or "bookmark" (then `value` is None)."""

    type: str
    value: T | None
    revision: int
