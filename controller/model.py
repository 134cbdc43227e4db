"""The controller's domain: frozen values, no I/O. Rows and messages are other shapes (store/rows.py, api/wire.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from controller.tenants import Tenant

T = TypeVar("T")


class Serve(StrEnum):
    """What runs on a segment: the whole model on Triton, or a bundle's tail behind sliceplane-tail."""

    WHOLE = "whole"
    TAIL = "tail"


class State(StrEnum):
    """The life of a segment; see SegmentState in the protos."""

    PLANNED = "planned"
    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DRAINING = "draining"
    REMOVING = "removing"


class Change(StrEnum):
    """What a watch reports."""

    UPDATED = "updated"
    DELETED = "deleted"
    BOOKMARK = "bookmark"


class Outcome(StrEnum):
    """What an apply did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Condition:
    """One observed fact; `status` is None where unknown."""

    type: str
    status: bool | None
    reason: str
    message: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """What an operator wants: `rate` in requests/s, `slo_ms` in ms; `max_processes` 0: the planner's own.

    Where GPUs are too few the higher `priority` is served first. `min_hosts`: hosts that it is served from at least,
    0: one. `memory_mb`: GPU memory of one process, MB; 0: not known. `exclusive`: it never shares a segment.
    """

    model: str
    rate: float
    slo_ms: float
    model_digest: str = ""
    serve: Serve = Serve.WHOLE
    max_processes: int = 0
    profile: str = ""
    priority: int = 0
    min_hosts: int = 0
    memory_mb: float = 0.0
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """What the plane observes of a workload; throughputs in requests/s."""

    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    planned_segments: int = 0
    ready_segments: int = 0
    planned_throughput: float = 0.0
    ready_throughput: float = 0.0
    model_digest: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A stored workload. `model_digest` of the status is resolved at apply time; `etag` covers spec and labels."""

    name: str
    spec: WorkloadSpec
    labels: dict[str, str] = field(default_factory=dict)
    status: WorkloadStatus = field(default_factory=WorkloadStatus)
    uid: str = ""
    etag: str = ""
    generation: int = 0
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a model; `datatype` as Triton names it; -1 in `shape`: varies."""

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
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batchable: bool
    versions: tuple[str, ...] = ()
    etag: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One measured point: `throughput` of the whole segment in items/s, `latency_ms` of one batch."""

    size: int
    batch: int
    processes: int
    throughput: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A model's measurements on one kind of GPU."""

    name: str
    gpu_product: str
    points: tuple[Point, ...]
    source: str = ""
    etag: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class MigProfile:
    """A MIG profile as a host's NVML offers it; slices and starts in memory slices."""

    name: str
    gpcs: int
    memory_slices: int
    starts: tuple[int, ...]
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One physical GPU as its host's agent reported it; `healthy` False takes it out of placement."""

    uuid: str
    node: str
    index: int
    product: str
    memory_bytes: int
    mig_enabled: bool
    healthy: bool
    message: str = ""
    profiles: tuple[MigProfile, ...] = ()
    cordoned: bool = False  # by an operator: it keeps what runs, and takes nothing new


@dataclass(frozen=True, slots=True)
class Node:
    """A GPU host. `desired` and `observed` are generations of its desired state."""

    name: str
    address: str
    connected: bool
    last_seen: datetime | None
    agent_version: str = ""
    driver_version: str = ""
    conditions: tuple[Condition, ...] = ()
    observed: int = 0
    desired: int = 0
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one process answers."""

    host: str
    port: int
    metrics_port: int = 0
    pid: int = 0
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A planned or running segment: identity and plan are fixed at birth; state and below are observed.

    Of a shared one `workload` is the group's name and `model_digest` empty; what its tenants get follows their rates.
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
    model_digest: str
    serve: Serve = Serve.WHOLE
    max_queue_delay_us: int = 0
    state: State = State.PLANNED
    message: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    mig_uuid: str = ""
    restarts: int = 0
    drain_since: datetime | None = None
    gone: bool = False  # its host's last report does not list it; only then may it be forgotten
    pinned: bool = False  # by an operator: it stays where it is as long as its workload wants it
    tenants: tuple[Tenant, ...] = ()  # who shares it; empty: it is its workload's alone


@dataclass(frozen=True, slots=True)
class Device:
    """An edge device and its last report; latencies in ms, counters since its agent started.

    `refusal`: why it refused the bundle of `refused_bundle_digest`, "" if it refuses none.
    """

    name: str
    workload: str
    connected: bool
    last_seen: datetime | None
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
    """A segment within a stored plan; `action`: "keep", "create" or "remove".

    Kept and created ones are the placement that turns work towards, each under the id of its segment.
    """

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
    # What else a turn needs to carry the plan out; the public API leaves it out.
    segment_id: str = ""
    memory_slices: int = 0
    model_digest: str = ""
    serve: Serve = Serve.WHOLE
    max_queue_delay_us: int = 0
    tenants: tuple[Tenant, ...] = ()  # who shares it, and the plan still counts on


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A workload that a plan does not (fully) serve, with a named reason."""

    workload: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision of the allocator, as stored."""

    id: int
    created: datetime | None
    algorithm: str
    gpus: int
    lower_bound: int
    gpcs: int
    segments: tuple[PlannedSegment, ...]
    shortfalls: tuple[Shortfall, ...]
    trigger: str
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for people. `revision` orders events."""

    revision: int
    time: datetime
    warning: bool
    subject_kind: str
    subject: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """One entry of a watch: `value` is None in a bookmark."""

    type: Change
    value: T | None
    revision: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_token` empty: the last; `revision`: the store's when the page was read."""

    items: tuple[T, ...]
    next_token: str
    revision: int = 0
