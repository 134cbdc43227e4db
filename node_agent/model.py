"""The node agent's domain: frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Serve(StrEnum):
    """What runs on a segment: the whole model on Triton, or a bundle's tail behind sliceplane-tail."""

    WHOLE = "whole"
    TAIL = "tail"


class State(StrEnum):
    """What the agent says of a segment."""

    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workload and the model that serves it; batch in items, `priority` is the rate limiter's, the lowest first."""

    workload: str
    model_digest: str
    batch: int
    priority: int


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A segment to run; slices and start in memory slices, the queue delay in microseconds.

    `tenants`: who shares it, executions one at a time; `workload` is their group's name then, `model_digest` empty.
    """

    id: str
    gpu_uuid: str
    start: int
    gpcs: int
    memory_slices: int
    workload: str
    model_digest: str
    serve: Serve
    batch: int
    processes: int
    max_queue_delay_us: int
    tenants: tuple[Tenant, ...] = ()

    @property
    def served(self) -> tuple[Tenant, ...]:
        """Whose models its Triton serves: the tenants', or that of the workload which has it alone."""
        return self.tenants or (Tenant(self.workload, self.model_digest, self.batch, 1),)

    @property
    def slots(self) -> frozenset[int]:
        """The memory slices that its instance occupies."""
        return frozenset(range(self.start, self.start + self.memory_slices))


@dataclass(frozen=True, slots=True)
class Desired:
    """All that this host shall run, as decided in an epoch."""

    epoch: int = 0
    generation: int = 0
    segments: tuple[SegmentSpec, ...] = ()

    def supersedes(self, other: Desired) -> bool:
        """Whether it is newer: a later epoch, or a later generation of the same epoch."""
        return (self.epoch, self.generation) >= (other.epoch, other.generation)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that we started; `started` is its kernel start time, which tells it from a later one of its pid."""

    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Unit:
    """One Triton process of a segment with its ports, and the tail beside it where there is one."""

    http_port: int
    grpc_port: int
    metrics_port: int
    tail_port: int = 0
    triton: Process | None = None
    tail: Process | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that it was promised."""
        return tuple(port for port in (self.http_port, self.grpc_port, self.metrics_port, self.tail_port) if port)


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal knows of a segment: written before anything of it is made, erased after all of it is gone.

    `gi` and `ci` are NVML ids, None until made; `removing` stays set once it was decided; `served`: every process has
    answered at once some time, so one that does not answer now is a failure and not a beginning.
    """

    spec: SegmentSpec
    gi: int | None = None
    ci: int | None = None
    mig_uuid: str = ""
    units: tuple[Unit, ...] = ()
    mps: Process | None = None
    removing: bool = False
    restarts: int = 0
    served: bool = False

    def with_unit(self, index: int, unit: Unit) -> Record:
        """The record with unit number `index` replaced."""
        units = (*self.units[:index], unit, *self.units[index + 1 :])
        return replace(self, units=units)


@dataclass(frozen=True, slots=True)
class Instance:
    """A GPU instance as NVML shows it."""

    gi: int
    start: int
    gpcs: int
    memory_slices: int

    @property
    def slots(self) -> frozenset[int]:
        """The memory slices that it occupies."""
        return frozenset(range(self.start, self.start + self.memory_slices))


@dataclass(frozen=True, slots=True)
class MigProfile:
    """A MIG profile as NVML offers it."""

    name: str
    gpcs: int
    memory_slices: int
    starts: tuple[int, ...]
    memory_bytes: int
    id: int = 0
    enum: int = 0
    max_instances: int = 0


class Fault(StrEnum):
    """Why a GPU can carry no segments; the closed set of reasons in conditions."""

    NONE = ""
    NO_MIG = "NO_MIG"
    MIG_OFF = "MIG_MODE_OFF"
    MIG_PENDING = "MIG_MODE_PENDING"
    LOST = "GPU_LOST"
    XID = "XID"
    SILENT = "NVML_SILENT"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as NVML shows it; `healthy` False: it can carry no segments, because of `message`."""

    uuid: str
    index: int
    product: str
    memory_bytes: int
    mig_enabled: bool
    healthy: bool
    message: str = ""
    profiles: tuple[MigProfile, ...] = ()
    instances: tuple[Instance, ...] = ()
    fault: Fault = Fault.NONE

    @property
    def identified(self) -> bool:
        """Whether NVML could ever say which GPU it is; not so if it was lost before the agent started."""
        return bool(self.product)

    def ill(self, fault: Fault, message: str) -> Gpu:
        """The same GPU, out of placement because of `fault`."""
        return replace(self, healthy=False, fault=fault, message=message)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one process of a segment answers."""

    host: str
    port: int
    metrics_port: int
    pid: int
    ready: bool


@dataclass(frozen=True, slots=True)
class SegmentStatus:
    """What the agent reports of a segment."""

    id: str
    state: State
    message: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    mig_uuid: str = ""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is wrong or wants attention."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that the agent reports."""

    epoch: int
    generation: int
    gpus: tuple[Gpu, ...] = ()
    segments: tuple[SegmentStatus, ...] = ()
    conditions: tuple[Condition, ...] = field(default=())
    driver_version: str = ""
