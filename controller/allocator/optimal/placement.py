"""From GPUs per layout and covers per service to segments at legal starts."""

from collections import deque
from collections.abc import Iterator

from controller.allocator.demand_matching import as_segment
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal.programme import Packing
from controller.allocator.types import Placed, Segment


def placed(demands: Demands, packing: Packing) -> tuple[Placed, ...]:
    """By GPU, then start; what a layout has more than is needed stays empty, on the last GPUs."""
    slots = _slots(demands.shapes, packing.gpus)
    found = []
    for column, segments in enumerate(_segments(demands, packing)):
        needed = slots[column][: len(segments)]
        # Round-robin over the GPUs: a service's segments stand on as many GPUs as there are.
        needed.sort(key=lambda slot: (slot[2], slot[0]))
        found += [Placed(gpu, start, one) for (gpu, start, _), one in zip(needed, segments, strict=True)]
    found.sort(key=lambda one: (one.gpu, one.start))
    return _renumbered(found)


def _slots(shapes: GpuShapes, gpus: Ints) -> list[list[tuple[int, int, int]]]:
    """Per size: (GPU, start, how many of the size the GPU has before it), by GPU."""
    slots: list[list[tuple[int, int, int]]] = [[] for _ in shapes.sizes]
    gpu = 0
    for layout, number in sorted(zip(shapes.layouts, gpus.tolist(), strict=True), key=lambda one: -len(one[0])):
        for _ in range(number):
            seen = [0] * len(shapes.sizes)
            for instance in layout:
                column = shapes.sizes.index(instance.profile.size)
                slots[column].append((gpu, instance.start, seen[column]))
                seen[column] += 1
            gpu += 1
    return slots


def _segments(demands: Demands, packing: Packing) -> list[list[Segment]]:
    """Per size: every segment, service by service."""
    sizes = demands.shapes.sizes
    by_size: list[list[Segment]] = [[] for _ in sizes]
    for service, found, counts in zip(demands.services, demands.triplets, _counts(demands, packing), strict=True):
        for column, number in enumerate(counts):
            if number:
                by_size[column] += [as_segment(service, found.best[sizes[column]])] * number
    return by_size


def _counts(demands: Demands, packing: Packing) -> Iterator[list[int]]:
    """Each service's segments per size."""
    lots = packing.lots
    covers: dict[int, deque[int]] = {}
    for first, cover, weight in zip(lots.first.tolist(), lots.cover.tolist(), lots.weight.tolist(), strict=True):
        covers.setdefault(first, deque()).extend([cover] * weight)
    for service, first in enumerate(demands.first.tolist()):
        if service in packing.direct:
            yield packing.direct[service].tolist()
        else:
            yield (demands.covers.counts[covers[first].popleft()] + demands.peeled[service]).tolist()


def _renumbered(found: list[Placed]) -> tuple[Placed, ...]:
    """Without the GPUs that hold nothing."""
    used = {gpu: number for number, gpu in enumerate(dict.fromkeys(one.gpu for one in found))}
    if len(used) == max(used, default=-1) + 1:
        return tuple(found)
    return tuple(Placed(used[one.gpu], one.start, one.segment) for one in found)
