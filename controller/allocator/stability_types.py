"""What re-planning reads of the live fleet and what it decides: frozen values."""

from dataclasses import dataclass

from common.mig import Geometry
from controller.allocator.types import Segment

# What must be equal for a running segment to serve as a wanted one.
SegmentKey = tuple[str, str, int, int, int, tuple[tuple[str, int], ...]]


def key_of(segment: Segment) -> SegmentKey:
    """Service, revision, size, batch, processes, tenants: measured figures may change under a running segment.

    A shared segment is known by its tenants, whatever its own name.
    """
    tenants = tuple((tenant.service, tenant.batch) for tenant in segment.tenants)
    return "" if tenants else segment.service, segment.revision, segment.size, segment.batch, segment.processes, tenants


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that may be planned on; lost ones are left out."""

    id: str
    geometry: Geometry
    cordoned: bool = False  # keeps what runs and is wanted, takes nothing new
    host: str = ""  # what fails together with it; "" is a host too


@dataclass(frozen=True, slots=True)
class Running:
    """A segment that exists, or is being created, at a start of a GPU.

    One that is leaving (draining already) holds its slots until it is gone and cannot be kept; a successor
    that waits for it may be listed at the same slots.
    """

    id: str
    gpu: str
    start: int
    segment: Segment
    leaving: bool = False
    pinned: bool = False  # never moved while it is wanted


@dataclass(frozen=True, slots=True)
class Kept:
    """A running segment that stays, and the wanted one that it stands for (newer figures)."""

    running: Running
    segment: Segment


@dataclass(frozen=True, slots=True)
class Created:
    """A segment to create; `after` names the running ones that must be gone first (none: make before break)."""

    gpu: str
    start: int
    segment: Segment
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shortage:
    """What of a service found no room."""

    service: str
    segments: int
    throughput: float  # planned, items per second, that is missing
    gpus: int  # GPUs more that would hold every service's missing segments
    detail: str


@dataclass(frozen=True, slots=True)
class Placement:
    """What becomes of the live fleet; leaving segments are in none of the lists."""

    kept: tuple[Kept, ...]
    created: tuple[Created, ...]
    removed: tuple[Running, ...]
    shortages: tuple[Shortage, ...]

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.created or self.removed)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a wanted segment is to stand."""

    gpu: str
    start: int
    segment: Segment
    pinned: bool = False
