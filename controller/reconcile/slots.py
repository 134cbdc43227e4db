"""Slots of GPUs, who holds them, and what a segment can serve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from controller.model import Segment, State
from controller.tenants import throughput_for

LEAVING = frozenset({State.DRAINING, State.REMOVING})


class Placed(Protocol):
    """Whatever stands, or is to stand, on slots of a GPU."""

    @property
    def gpu_uuid(self) -> str:
        """The GPU."""

    @property
    def start(self) -> int:
        """Its first memory slice."""

    @property
    def memory_slices(self) -> int:
        """How many it covers."""


def overlap(one: Placed, other: Placed) -> bool:
    """Whether the two cover a slot in common."""
    if one.gpu_uuid != other.gpu_uuid:
        return False
    return one.start < other.start + other.memory_slices and other.start < one.start + one.memory_slices


def serves(segment: Segment) -> bool:
    """Whether clients are sent to it: it became ready once, is not leaving, and a process of it answers."""
    return segment.state in (State.READY, State.FAILED) and any(endpoint.ready for endpoint in segment.endpoints)


def capacity(segment: Segment, workload: str) -> float:
    """Requests per second of the workload that its answering processes can take."""
    if not serves(segment):
        return 0.0
    answering = sum(endpoint.ready for endpoint in segment.endpoints)
    return throughput_for(segment, workload) * min(1.0, answering / segment.processes)


def by_gpu(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """The segments on each GPU."""
    found: dict[str, list[Segment]] = {}
    for segment in segments:
        found.setdefault(segment.gpu_uuid, []).append(segment)
    return found
