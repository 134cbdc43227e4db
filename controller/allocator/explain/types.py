"""What an explanation says: frozen values.

Units: throughput and rate in items per second, times in milliseconds, size in GPCs (of a wide instance 10 × memory
slices + GPCs), shares of 1.
"""

from dataclasses import dataclass

from common.mig import gpcs_of
from controller.allocator.types import Point


@dataclass(frozen=True, slots=True)
class Points:
    """What became of a model's measured points; the refusals and `left` add up to `measured`.

    A point that fails several checks counts for the first, in the order of the fields.
    """

    measured: int
    refused_by_size: int  # the GPU has no such size
    refused_by_processes: int
    refused_by_batch: int
    refused_by_memory: int
    refused_by_slo: int
    left: int


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """The best point of a size, and what the whole rate would take on that size alone."""

    point: Point
    segments: int
    gpcs: int
    used: int  # segments of this size in the plan

    @property
    def per_gpc(self) -> float:
        """Items per second and GPC."""
        return self.point.throughput / gpcs_of(self.point.size)


@dataclass(frozen=True, slots=True)
class BetterPoint:
    """The point of higher throughput per GPC that takes the least more SLO."""

    slo_ms: float  # that would admit it
    point: Point


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A workload's segment: where it stands and what it runs."""

    gpu: int
    start: int
    size: int
    batch: int
    processes: int
    throughput: float  # of the workload on it
    latency_ms: float
    shared_with: tuple[str, ...]  # other workloads on it
    fill_ms: float | None  # of one process's batch, at the workload's rate; None on a shared segment


@dataclass(frozen=True, slots=True)
class WorkloadNote:
    """Why a served workload got what it got."""

    name: str
    model: str
    rate: float
    slo_ms: float
    limit_ms: float | None  # what a batch must stay under; None: set by the queueing model
    points: Points
    optimal: Point
    choices: tuple[SizeChoice, ...]  # by throughput per GPC, highest first
    better: BetterPoint | None
    segments: tuple[PlannedSegment, ...]

    @property
    def planned(self) -> float:
        """Items per second."""
        return sum(one.throughput for one in self.segments)

    @property
    def slack(self) -> float:
        """Items per second above the rate."""
        return self.planned - self.rate

    @property
    def slack_share(self) -> float:
        """Of what is planned."""
        return self.slack / self.planned if self.planned else 0.0

    @property
    def fill_ms(self) -> float | None:
        """The slowest fill of a batch."""
        return max((one.fill_ms for one in self.segments if one.fill_ms is not None), default=None)

    @property
    def fills_in_time(self) -> bool:
        """Whether the first request of every full batch still meets the SLO."""
        return all(one.fill_ms is None or one.fill_ms + one.latency_ms <= self.slo_ms for one in self.segments)


@dataclass(frozen=True, slots=True)
class RefusalNote:
    """Why a workload is not served; `change` names the number, or the name, that would change it."""

    name: str
    reason: str
    detail: str
    change: str


@dataclass(frozen=True, slots=True)
class GpuNote:
    """What a GPU has left."""

    gpu: int
    layout: tuple[int, ...]  # sizes by start
    free_gpcs: int
    free_slots: int  # memory slices
    stranded_gpcs: int  # free, but no set of profiles can use them
    stranded_slots: int
    largest_that_fits: int  # GPCs; 0: nothing
    slack: float  # share of the occupied GPCs that rates leave idle


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan's reasons, by workload and by GPU."""

    algorithm: str
    slo_model: str
    gpus: int
    lower_bound: int
    gpcs: int
    workloads: tuple[WorkloadNote, ...]
    refused: tuple[RefusalNote, ...]
    gpu_notes: tuple[GpuNote, ...]

    @property
    def free_gpcs(self) -> int:
        """Of the GPUs in use."""
        return sum(one.free_gpcs for one in self.gpu_notes)

    @property
    def stranded_gpcs(self) -> int:
        """Of the GPUs in use."""
        return sum(one.stranded_gpcs for one in self.gpu_notes)
