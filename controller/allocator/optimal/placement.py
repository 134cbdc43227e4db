"""From GPUs per layout and covers per service to segments at legal starts."""

from collections.abc import Sequence

import numpy as np

from controller.allocator.demand_matching import as_segment
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal.programme import Packing
from controller.allocator.types import Placed, Segment


def placed(demands: Demands, packing: Packing) -> tuple[Placed, ...]:
    """By GPU, then start; what a layout has more than is needed stays empty, on the last GPUs."""
    counts = _counts(demands, packing)
    kinds, kind = _kinds(demands, counts)
    slots = []
    for column in range(len(demands.shapes.sizes)):
        gpu, start, before = _slots(demands.shapes, packing.gpus, column)
        needed = slice(int(counts[:, column].sum()))
        # Round-robin over the GPUs: a service's segments stand on as many GPUs as there are.
        order = np.argsort(before[needed].astype(np.int8), kind="stable")
        held = np.repeat(kind[:, column], counts[:, column])
        slots.append(np.stack([gpu[needed][order], start[needed][order], held]))
    gpu, start, held = np.concatenate(slots, axis=1)
    at = np.full(packing.total * demands.shapes.slots, -1)
    at[gpu * demands.shapes.slots + start] = held
    gpu, start = np.divmod(np.flatnonzero(at >= 0), demands.shapes.slots)
    new = np.diff(gpu, prepend=-1) > 0  # without the GPUs that hold nothing
    segments = map(kinds.__getitem__, at[at >= 0].tolist())
    return tuple(map(Placed, (np.cumsum(new) - 1).tolist(), start.tolist(), segments))


def _slots(shapes: GpuShapes, gpus: Ints, column: int) -> tuple[Ints, Ints, Ints]:
    """Each instance of the size: (its GPU, its start, how many of the size the GPU has before it), by GPU."""
    size, begin = shapes.sizes[column], 0
    found = [np.zeros((3, 0), dtype=np.int64)]
    for layout, number in sorted(zip(shapes.layouts, gpus.tolist(), strict=True), key=lambda one: -len(one[0])):
        starts = [instance.start for instance in layout if instance.profile.size == size]
        gpu = np.repeat(np.arange(begin, begin + number), len(starts))
        found.append(np.stack([gpu, np.tile(starts, number), np.tile(np.arange(len(starts)), number)]).astype(np.int64))
        begin += number
    gpu, start, before = np.concatenate(found, axis=1)
    return gpu, start, before


def _kinds(demands: Demands, counts: Ints) -> tuple[Sequence[Segment], Ints]:
    """The segments that differ, and (services, sizes) which of them each is."""
    kind, kinds = np.zeros_like(counts), list[Segment]()
    for row, column in np.argwhere(counts).tolist():
        kind[row, column] = len(kinds)
        best = demands.triplets[row].best[demands.shapes.sizes[column]]
        kinds.append(as_segment(demands.services[row], best))
    return kinds, kind


def _counts(demands: Demands, packing: Packing) -> Ints:
    """(services, sizes): segments."""
    counts, lots = demands.peeled.copy(), packing.lots
    free = np.ones(len(counts), dtype=bool)
    for service, direct in packing.direct.items():
        counts[service], free[service] = direct, False
    services = np.flatnonzero(free)
    services = services[np.argsort(demands.first[services], kind="stable")]
    counts[services] += demands.covers.counts[np.repeat(lots.cover, lots.weight)]
    return counts
