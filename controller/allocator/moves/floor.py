"""Slots and capacity while moves are made: what stands where, and what each service has left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.allocator.board import shapes_of
from controller.allocator.stability_types import Gpu
from controller.allocator.types import Segment

Place = tuple[str, int]  # GPU, start

TOLERANCE = 1e-9  # of a rate: sums of throughputs are sums of floats


@dataclass
class Floor:
    """What stands on the GPUs now; `rates` by service, items/s. A service that is not in `rates` needs nothing."""

    gpus: Sequence[Gpu]
    rates: Mapping[str, float]
    standing: dict[Place, Segment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._shapes = shapes_of(self.gpus)
        self._by_id = {gpu.id: gpu for gpu in self.gpus}

    def mask(self, gpu: str, start: int, size: int) -> int:
        """The slots that a segment there covers; 0 where that is not possible."""
        known = self._by_id.get(gpu)
        return self._shapes[known.geometry].mask(size, start) if known else 0

    def taken(self, gpu: str) -> int:
        """The slots that are covered now."""
        covered = 0
        for (other, start), segment in self.standing.items():
            if other == gpu:
                covered |= self.mask(gpu, start, segment.size)
        return covered

    def has_room(self, gpu: str, start: int, size: int) -> bool:
        """Whether a segment could be created there now."""
        mask = self.mask(gpu, start, size)
        return bool(mask) and not mask & self.taken(gpu)

    def capacity(self, service: str) -> float:
        """Items/s of the service's segments."""
        return sum(segment.throughput for segment in self.standing.values() if segment.service == service)

    def short_without(self, place: Place) -> float:
        """Items/s that the service would be under its rate once the segment there is drained."""
        segment = self.standing[place]
        rate = self.rates.get(segment.service, 0.0)
        left = self.capacity(segment.service) - segment.throughput
        return max(0.0, rate * (1 - TOLERANCE) - left)

    def spare_place(self, size: int, reserved: Mapping[str, int]) -> Place | None:
        """A free place for a temporary segment, beside the slots that are `reserved` by GPU."""
        for gpu in self.gpus:
            if not gpu.cordoned:
                covered = self.taken(gpu.id) | reserved.get(gpu.id, 0)
                for start, mask in self._shapes[gpu.geometry].starts(size):
                    if not mask & covered:
                        return gpu.id, start
        return None
