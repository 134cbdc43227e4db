"""What the allocator reads and what it returns: frozen values, no behaviour beyond sums.

Units: throughput and rate in items per second, latency and SLO in milliseconds, size in GPCs.
"""

import math
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest

from common.mig import A100_80GB, Geometry

# How a plan holds to an SLO: batches shorter than a share of it, as in the paper; or a bound from queueing.
HALF, QUEUEING = "half", "queueing"
SLO_MODELS = (HALF, QUEUEING)


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: a batch size and a process count on an instance of a size."""

    size: int
    batch: int
    processes: int
    throughput: float  # of the whole segment: per process × processes
    latency_ms: float  # of one batch


def _triplet(point: Point) -> tuple[int, int, int]:
    return point.size, point.batch, point.processes


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """The measurements of one model, kept by size, batch and processes. Raises ValueError naming the point."""

    model: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.points, key=_triplet))
        object.__setattr__(self, "points", ordered)
        for point, following in zip_longest(ordered, ordered[1:]):
            if min(point.size, point.batch, point.processes) < 1:
                raise ValueError(f"{self.model}: size, batch and processes must be at least 1: {point}")
            if not (0 < point.throughput < math.inf and 0 < point.latency_ms < math.inf):
                raise ValueError(f"{self.model}: throughput and latency must be above 0 and finite: {point}")
            if following and _triplet(point) == _triplet(following):
                raise ValueError(f"{self.model}: measured twice: {point} and {following}")


@dataclass(frozen=True, slots=True)
class Service:
    """A demand: so many items per second of a profiled model, each within the SLO."""

    name: str
    model: str  # key of its ProfileTable
    rate: float
    slo_ms: float
    max_processes: int | None = None  # None: the options' own
    max_batch: int | None = None  # None: any batch size
    revision: str = ""  # whatever else must be equal for a running segment to be kept (model digest, kind)
    priority: int = 0  # the higher is served first where GPUs are too few
    min_hosts: int = 1  # hosts that its segments are spread over at least
    memory_mb: float = 0.0  # GPU memory of one process, MB; 0: not known, any instance will do
    exclusive: bool = False  # never shares a segment with other services
    derated: bool = False  # its points already allow for queueing: they are taken as they stand


@dataclass(frozen=True, slots=True)
class Tenant:
    """A service on a shared segment, where executions are one at a time, one process each."""

    service: str
    rate: float
    batch: int  # items that one execution takes at most, of those that wait
    latency_ms: float  # of one item alone, as measured
    throughput: float  # what it is given: its rate
    slo_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A MIG instance's worth of one service, or of several tenants."""

    service: str
    size: int
    batch: int
    processes: int
    throughput: float
    latency_ms: float
    revision: str = ""
    tenants: tuple[Tenant, ...] = ()  # empty: not shared


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment on a GPU of the plan (counted from 0) at a legal start."""

    gpu: int
    start: int
    segment: Segment


class Reason(Enum):
    """Why a service, or a part of its rate, is not served."""

    NO_PROFILE = "NO_PROFILE"
    SLO_UNREACHABLE = "SLO_UNREACHABLE"
    SLO_INVALID = "SLO_INVALID"
    RATE_INVALID = "RATE_INVALID"
    RATE_TOO_HIGH = "RATE_TOO_HIGH"
    INSUFFICIENT_GPUS = "INSUFFICIENT_GPUS"


@dataclass(frozen=True, slots=True)
class Unservable:
    """A service that the plan leaves out, and the number that would change it."""

    service: str
    reason: Reason
    detail: str
    best_latency_ms: float | None = None  # the lowest that its profile offers
    slo_that_would_do_ms: float | None = None
    gpus_short: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to plan. Raises ValueError naming the field."""

    latency_share: float = 0.45  # of the SLO: half for queueing, less a tenth
    max_processes: int = 5
    single: bool = False  # no MPS: one process a segment
    optimize: bool = True  # run allocation optimization
    max_gpus: int | None = None  # None: as many as it takes
    max_segments: int = 100_000  # of one service; guards against a mistyped rate
    geometry: Geometry = field(default=A100_80GB)
    slo_model: str = HALF  # what a point must hold to: HALF or QUEUEING
    attainment: float = 0.9999  # of QUEUEING: the share of requests within the SLO
    burstiness: float = 1.25  # of QUEUEING: the peak of the arrival rate over its mean
    tenant_memory_mb: float = 1500.0  # of sharing: of a tenant whose memory is not known

    def __post_init__(self) -> None:
        if not 0 < self.latency_share <= 1:
            raise ValueError(f"latency_share must be above 0 and at most 1, got {self.latency_share}")
        for name in ("max_processes", "max_segments"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.slo_model not in SLO_MODELS:
            raise ValueError(f"slo_model must be {' or '.join(SLO_MODELS)}, got {self.slo_model!r}")
        if not 0 < self.attainment < 1:
            raise ValueError(f"attainment must be above 0 and below 1, got {self.attainment}")
        if not 1 <= self.burstiness < math.inf:
            raise ValueError(f"burstiness must be a finite number, at least 1, got {self.burstiness}")
        if not 0 < self.tenant_memory_mb < math.inf:
            raise ValueError(f"tenant_memory_mb must be a finite number above 0, got {self.tenant_memory_mb}")
        if self.max_gpus is not None and self.max_gpus < 0:
            raise ValueError(f"max_gpus must be at least 0, got {self.max_gpus}")

    def processes_for(self, service: Service) -> int:
        """The most processes that a segment of the service may run."""
        if self.single:
            return 1
        if service.max_processes is None:
            return self.max_processes
        return min(self.max_processes, service.max_processes)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which segment stands where, what is left out, and how few GPUs could at best suffice."""

    algorithm: str
    gpus: int
    placed: tuple[Placed, ...]  # by GPU, then start
    unservable: tuple[Unservable, ...]
    lower_bound: int  # no plan for the served services uses fewer GPUs
    gpcs: int
    geometry: Geometry
