"""Real GPUs with fixed occupants, filled one segment at a time where it costs the least later choice.

Like the stages' fleet, GPUs in equal state are searched as one.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.mig import Geometry, Profile, gpcs_of
from controller.allocator.stability_types import Gpu, Position
from controller.allocator.types import Segment


class Shapes:
    """One geometry's sizes as (start, mask) pairs, and what each leaves open."""

    def __init__(self, geometry: Geometry) -> None:
        self.slots = geometry.slots
        self._profiles: dict[int, Profile] = {size: geometry.default(size) for size in geometry.sizes}
        self._starts = {
            size: tuple((start, profile.mask(start)) for start in profile.starts)
            for size, profile in self._profiles.items()
        }
        self._masks = {(size, start): mask for size, pairs in self._starts.items() for start, mask in pairs}
        self._choice_left: dict[int, int] = {}

    def starts(self, size: int) -> tuple[tuple[int, int], ...]:
        """The legal (start, mask) pairs of a size; none where the GPU has no such size."""
        return self._starts.get(size, ())

    def mask(self, size: int, start: int) -> int:
        """The slots covered, or 0 where the start is not legal."""
        return self._masks.get((size, start), 0)

    def memory_slices(self, size: int) -> int:
        """Slots that a size covers; all of them where the GPU has no such size."""
        return self._profiles[size].memory_slices if size in self._profiles else self.slots

    def choice_left(self, taken: int) -> int:
        """How much can still be started beside what is taken: GPCs summed over all open starts."""
        if taken not in self._choice_left:
            self._choice_left[taken] = sum(
                gpcs_of(size) for size, pairs in self._starts.items() for _, mask in pairs if not mask & taken
            )
        return self._choice_left[taken]

    def free_slots(self, taken: int) -> int:
        """Memory slots that are not taken."""
        return self.slots - taken.bit_count()


# What segments that will go cost to whoever takes their slots, as (mask, cost) pairs: those that are leaving
# already are waited for, all others would have to stop serving before what replaces them is ready.
Passing = tuple[tuple[int, int], ...]
WAIT, BREAK = 1, 1_000

# What the passing segments in the way cost; then free slots of the GPU (best fit); then how much choice is lost.
Cost = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _State:
    """All that a choice depends on: the geometry, what is firmly taken, and what will come free."""

    shapes: int
    firm: int
    passing: Passing


class Board:
    """Occupancy of the GPUs that accept segments; `passing` are slots held by segments that will go."""

    def __init__(self, gpus: Sequence[Gpu], firm: Iterable[Position], passing: Mapping[str, Passing]) -> None:
        self._gpus = gpus
        self._shapes = shapes_of(gpus)
        self._kinds = list({id(shapes): shapes for shapes in self._shapes.values()}.values())
        taken = dict.fromkeys((gpu.id for gpu in gpus), 0)
        for position in firm:
            shapes = self._shapes[position.gpu]
            taken[position.gpu] |= shapes.mask(position.segment.size, position.start)
        self._states: list[_State | None] = []
        self._alike: dict[_State, list[int]] = {}  # heaps; stale entries are dropped when met
        kind_of = {id(kind): index for index, kind in enumerate(self._kinds)}
        for index, gpu in enumerate(gpus):
            self._states.append(None)
            if not gpu.cordoned:
                self._becomes(index, _State(kind_of[id(self._shapes[gpu.id])], taken[gpu.id], passing.get(gpu.id, ())))

    def fill(self, segments: Iterable[Segment]) -> tuple[list[Position], list[Segment]]:
        """Places each segment in turn; returns where, and those that found no room."""
        placed, left = [], []
        for segment in segments:
            position = self._place(segment)
            if position is None:
                left.append(segment)
            else:
                placed.append(position)
        return placed, left

    def _place(self, segment: Segment) -> Position | None:
        best: tuple[tuple[Cost, int, int], int] | None = None
        for state in list(self._alike):
            index = self._lowest(state)
            if index is None:
                continue
            for cost, start, mask in self._choices(state, segment.size):
                key = (cost, index, start)
                if best is None or key < best[0]:
                    best = (key, mask)
        if best is None:
            return None
        (_, index, start), mask = best
        before = self._states[index]
        assert before is not None, "only GPUs with a state are searched"
        self._becomes(index, _State(before.shapes, before.firm | mask, before.passing))
        return Position(self._gpus[index].id, start, segment)

    def _choices(self, state: _State, size: int) -> Iterable[tuple[Cost, int, int]]:
        """Each open start with its cost and mask."""
        shapes = self._kinds[state.shapes]
        for start, mask in shapes.starts(size):
            if not mask & state.firm:
                waits = passing_cost(mask, state.passing)
                lost = shapes.choice_left(state.firm) - shapes.choice_left(state.firm | mask)
                yield (waits, shapes.free_slots(state.firm), lost), start, mask

    def _lowest(self, state: _State) -> int | None:
        heap = self._alike[state]
        while heap and self._states[heap[0]] != state:
            heapq.heappop(heap)
        if not heap:
            del self._alike[state]
            return None
        return heap[0]

    def _becomes(self, index: int, state: _State) -> None:
        self._states[index] = state
        heapq.heappush(self._alike.setdefault(state, []), index)


def passing_cost(mask: int, passing: Passing) -> int:
    """What taking the slots of the mask costs."""
    return sum(cost for held, cost in passing if mask & held)


def shapes_of(gpus: Iterable[Gpu]) -> dict[str, Shapes]:
    """By GPU; those of equal geometry share one."""
    by_geometry: dict[Geometry, Shapes] = {}
    by_identity: dict[int, Shapes] = {}  # a geometry's hash is long to take
    found = {}
    for gpu in gpus:
        shapes = by_identity.get(id(gpu.geometry))
        if shapes is None:
            shapes = by_geometry.setdefault(gpu.geometry, Shapes(gpu.geometry))
            by_identity[id(gpu.geometry)] = shapes
        found[gpu.id] = shapes
    return found
