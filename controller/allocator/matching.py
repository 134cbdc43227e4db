"""Which running segments already are what the plan wants, and which wanted ones are yet to be created."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from common.mig import gpcs_of
from controller.allocator.board import Shapes
from controller.allocator.stability_types import Gpu, Position, Running, SegmentKey, key_of
from controller.allocator.types import Segment


def match(
    wanted: Sequence[Segment], live: Sequence[Running], gpus: Mapping[str, Gpu], shapes: Mapping[str, Shapes]
) -> tuple[list[Position], list[Segment]]:
    """Each wanted segment that runs, where it runs; then the others, in the order given.

    A running segment on an unknown GPU, at an illegal start or over another one matches nothing. Where more
    run than are wanted, those on cordoned and on emptier GPUs are given up first, pinned ones last.
    """
    wants: dict[object, list[Segment]] = defaultdict(list)
    for segment in reversed(wanted):
        wants[key_of(segment)].append(segment)
    taken = dict.fromkeys(gpus, 0)
    pinned = []
    for running in _keep_first(live, gpus):
        mask = shapes[running.gpu].mask(running.segment.size, running.start)
        open_wants = wants[key_of(running.segment)]
        if open_wants and mask and not mask & taken[running.gpu]:
            taken[running.gpu] |= mask
            found = Position(running.gpu, running.start, open_wants.pop(), running.pinned)
            pinned.append(found)
    return pinned, _without(wanted, [key_of(position.segment) for position in pinned])


def _keep_first(live: Sequence[Running], gpus: Mapping[str, Gpu]) -> list[Running]:
    """Those on known GPUs, the first to be kept first."""
    known = [running for running in live if running.gpu in gpus]
    load = Counter[str]()
    for running in known:
        load[running.gpu] += gpcs_of(running.segment.size)
    order = {gpu: index for index, gpu in enumerate(gpus)}
    return sorted(known, key=lambda r: (not r.pinned, gpus[r.gpu].cordoned, -load[r.gpu], order[r.gpu], r.start, r.id))


def _without(segments: Sequence[Segment], used: Sequence[SegmentKey]) -> list[Segment]:
    """Less the first of each key, as many as are used."""
    left = Counter(used)
    rest = []
    for segment in segments:
        key = key_of(segment)
        if left[key] > 0:
            left[key] -= 1
        else:
            rest.append(segment)
    return rest
