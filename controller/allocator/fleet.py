"""The GPUs that the ParvaGPU stages fill: best fit by free GPCs, the lowest index on ties.

GPUs of equal contents are kept together, so that a search looks at a few dozen kinds of contents
instead of at every GPU.
"""

import heapq
from collections.abc import Iterator
from functools import lru_cache

from common.mig import Geometry, gpcs_of
from controller.allocator.starts import PREFERRED, preferred_starts
from controller.allocator.types import Placed, Segment

Sizes = tuple[int, ...]  # descending


class Fleet:
    """GPUs numbered from 0, as many as it takes.

    Each keeps its segments under the slot that the paper's artefact would record: that order, though
    not always legal, decides in which order allocation optimization visits them.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._slots: list[dict[int, Segment]] = []
        self._sizes: list[Sizes] = []
        self._alike: dict[Sizes, list[int]] = {}  # heaps; stale entries are dropped when met

    def __len__(self) -> int:
        return len(self._slots)

    def used_gpcs(self, gpu: int) -> int:
        """GPCs that the GPU's segments take."""
        return sum(map(gpcs_of, self._sizes[gpu]))

    def segment(self, gpu: int, slot: int) -> Segment | None:
        """What is recorded at the slot."""
        return self._slots[gpu].get(slot)

    def place(self, segment: Segment) -> None:
        """Puts the segment on the GPU that it leaves the fewest GPCs free on."""
        gpu = self._best_fit(segment.size)
        slots = self._slots[gpu]
        slots[_recorded_slot(slots, segment.size)] = segment
        self._now_holds(gpu, _with(self._sizes[gpu], segment.size))

    def take(self, gpu: int, slot: int) -> Segment:
        """Removes and returns what is recorded at the slot."""
        segment = self._slots[gpu].pop(slot)
        self._now_holds(gpu, _without(self._sizes[gpu], segment.size))
        return segment

    def placed(self) -> Iterator[Placed]:
        """Every segment at its legal start; GPUs are renumbered without the empty ones."""
        used = [slots for slots in self._slots if slots]
        for gpu, slots in enumerate(used):
            recorded = [slots[slot] for slot in sorted(slots)]
            segments = sorted(recorded, key=lambda segment: -segment.size)
            starts = preferred_starts(self.geometry, tuple(segment.size for segment in segments))
            assert starts is not None, "place() admits only sizes that have legal starts"
            on_gpu = [Placed(gpu, start, segment) for start, segment in zip(starts, segments, strict=True)]
            yield from sorted(on_gpu, key=lambda placed: placed.start)

    def _best_fit(self, size: int) -> int:
        for kinds in _kinds_by_room(self.geometry, size):
            found = [self._lowest(kind) for kind in kinds]
            lowest = min((gpu for gpu in found if gpu is not None), default=None)
            if lowest is not None:
                return lowest
        return self._new_gpu()

    def _lowest(self, kind: Sizes) -> int | None:
        heap = self._alike.get(kind, [])
        while heap and self._sizes[heap[0]] != kind:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _new_gpu(self) -> int:
        self._slots.append({})
        self._sizes.append(())
        return len(self._slots) - 1

    def _now_holds(self, gpu: int, sizes: Sizes) -> None:
        self._sizes[gpu] = sizes
        heapq.heappush(self._alike.setdefault(sizes, []), gpu)


def _recorded_slot(slots: dict[int, Segment], size: int) -> int:
    """The first preferred slot where nothing starts, as the artefact has it."""
    candidates: list[int] = [*PREFERRED.get(size, ()), *range(len(slots) + 1)]
    return next(slot for slot in candidates if slot not in slots)


@lru_cache(maxsize=64)
def _kinds_by_room(geometry: Geometry, size: int) -> tuple[tuple[Sizes, ...], ...]:
    """Contents that one more segment of the size fits beside, grouped by free GPCs, fewest first."""
    by_room: dict[int, list[Sizes]] = {}
    for kind in _kinds(geometry, ()):
        if preferred_starts(geometry, _with(kind, size)) is not None:
            by_room.setdefault(geometry.compute_slices - sum(map(gpcs_of, kind)), []).append(kind)
    return tuple(tuple(by_room[room]) for room in sorted(by_room))


def _kinds(geometry: Geometry, kind: Sizes) -> Iterator[Sizes]:
    """Every multiset of sizes that has preferred starts, from `kind` on."""
    yield kind
    for size in geometry.sizes:
        if (not kind or size <= kind[-1]) and preferred_starts(geometry, (*kind, size)) is not None:
            yield from _kinds(geometry, (*kind, size))


def _with(sizes: Sizes, size: int) -> Sizes:
    return tuple(sorted((*sizes, size), reverse=True))


def _without(sizes: Sizes, size: int) -> Sizes:
    at = sizes.index(size)
    return sizes[:at] + sizes[at + 1 :]
