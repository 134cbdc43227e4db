"""Slots and capacity while moves are made: what stands where, and what each service has left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from controller.allocator.board import shapes_of
from controller.allocator.covering import due
from controller.allocator.stability_types import Gpu, Running
from controller.allocator.types import Segment

Place = tuple[str, int]  # GPU, start


def served(segment: Segment) -> Iterator[tuple[str, float]]:
    """Each service of the segment, with the items/s that it gets of it."""
    if not segment.tenants:
        yield segment.service, segment.throughput
    for tenant in segment.tenants:
        yield tenant.service, tenant.throughput


class Slots:
    """The memory slots of the GPUs and what covers them; GPUs that are not known have none."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._shapes = shapes_of(gpus)
        self._gpus = {gpu.id: gpu for gpu in gpus}
        self._taken = dict.fromkeys(self._gpus, 0)

    def mask(self, place: Place, size: int) -> int:
        """The slots that a segment there covers; 0 where that is not possible."""
        gpu = self._gpus.get(place[0])
        return self._shapes[gpu.id].mask(size, place[1]) if gpu else 0

    def profile(self, place: Place, size: int) -> str:
        """The name of the instance's profile."""
        return self._gpus[place[0]].geometry.default(size).name

    def has_room(self, place: Place, size: int) -> bool:
        """Whether a segment could be created there now."""
        mask = self.mask(place, size)
        return bool(mask) and not mask & self._taken[place[0]]

    def put(self, place: Place, size: int) -> None:
        """Covers the slots."""
        self._taken[place[0]] |= self.mask(place, size)

    def free(self, place: Place, size: int) -> None:
        """Uncovers the slots."""
        self._taken[place[0]] &= ~self.mask(place, size)

    def spare_place(self, size: int, reserved: Mapping[str, int]) -> Place | None:
        """A free place for a temporary segment beside the slots `reserved` by GPU: on a GPU in use if there is one."""
        found = None
        for gpu in self._gpus.values():
            taken = self._taken[gpu.id]
            if gpu.cordoned or (found and not taken):
                continue
            for start, mask in self._shapes[gpu.id].starts(size):
                if not mask & (taken | reserved.get(gpu.id, 0)):
                    if taken:
                        return gpu.id, start
                    found = gpu.id, start
                    break
        return found


class Capacity:
    """Items/s of each service's segments that are ready and not drained."""

    def __init__(self, segments: Mapping[str, Segment]) -> None:
        self._by_service: dict[str, dict[str, float]] = {}
        for identity, segment in segments.items():
            self.add(identity, segment)

    def add(self, identity: str, segment: Segment) -> None:
        """One more that is ready."""
        for service, throughput in served(segment):
            self._by_service.setdefault(service, {})[identity] = throughput

    def drop(self, identity: str, segment: Segment) -> None:
        """One that serves no longer."""
        for service, _ in served(segment):
            self._by_service[service].pop(identity, None)

    def of(self, service: str) -> float:
        """Items/s."""
        return fsum(self._by_service.get(service, {}).values())

    def lacking_without(self, segment: Segment, needs: Mapping[str, float]) -> float:
        """Items/s that services would be under their needs once the segment is drained."""
        return sum(
            max(0.0, due(needs.get(service, 0.0)) - (self.of(service) - throughput))
            for service, throughput in served(segment)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Running segments on GPUs that live, by id."""

    ready: Mapping[str, Running]
    waiting: Mapping[str, Running]  # listed where one that leaves still stands
    leaving: Mapping[str, Running]


def standing(current: Sequence[Running], gpus: Sequence[Gpu]) -> Standing:
    """What of `current` stands; what is on other GPUs, or where nothing may stand, is gone."""
    slots = Slots(gpus)
    alive = [one for one in current if slots.mask((one.gpu, one.start), one.segment.size)]
    leaving = {one.id: one for one in alive if one.leaving}
    for one in leaving.values():
        slots.put((one.gpu, one.start), one.segment.size)
    ready: dict[str, Running] = {}
    waiting: dict[str, Running] = {}
    for one in alive:
        if not one.leaving:
            free = slots.has_room((one.gpu, one.start), one.segment.size)
            (ready if free else waiting)[one.id] = one
    return Standing(ready, waiting, leaving)
