"""Maps a plan's segments onto the real GPUs with as little change as possible.

What runs and is still wanted stays where it is. The rest goes, best fit, to slots that are free now, so that
it can be ready before what it replaces is removed; then to slots that come free. Only if that leaves
something without room are segments moved: off a few GPUs first, at last as the plan itself has them. With
too few GPUs nothing that runs and is wanted is touched, the rest is placed by priority, and what is short
is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from common.mig import gpcs_of
from controller.allocator.board import BREAK, WAIT, Board, Passing, Shapes, passing_cost, shapes_of
from controller.allocator.from_map import positions_from_map
from controller.allocator.matching import match
from controller.allocator.shortage import shortages, too_few_hosts
from controller.allocator.spread import spread
from controller.allocator.stability_types import Created, Gpu, Kept, Placement, Position, Running, key_of
from controller.allocator.types import Placed, Segment


def rearrange(
    placed: Sequence[Placed],
    current: Sequence[Running],
    gpus: Sequence[Gpu],
    priority: Sequence[str] = (),
    *,
    min_hosts: Mapping[str, int] | None = None,
    dense: bool = False,
) -> Placement:
    """What to keep, create and remove so that the GPUs come to hold the plan's segments.

    `gpus` are those that may be used, in order of preference; a running segment on any other is removed.
    `priority` names services, the first to be served first; those not named follow in the plan's order.
    `min_hosts`: by service, the hosts that its segments are spread over at least, as far as there are segments
    and hosts. `dense`: no more GPUs than the plan has, though that moves more. Every start is legal, no slot is
    given twice among kept and created, and a second call on the result changes nothing.
    """
    task = _task(placed, gpus, priority, dense=dense)
    positions, left = _decide(task, [running for running in current if not running.leaving], current)
    while left:  # where it ends, a second call would end too
        again, still_left = _decide(task, _as_running(positions), ())
        if len(still_left) >= len(left):
            break
        positions, left = again, still_left
    hosts = min_hosts or {}
    stand = {(one.gpu, one.start, key_of(one.segment)) for one in current if not one.leaving}
    positions = spread(positions, gpus, task.shapes, hosts, stand, _passing(task, positions, current))
    return placement_of(placed, positions, left, current, gpus, hosts)


def placement_of(
    placed: Sequence[Placed],
    positions: Sequence[Position],
    left: Sequence[Segment],
    current: Sequence[Running],
    gpus: Sequence[Gpu],
    min_hosts: Mapping[str, int],
) -> Placement:
    """The positions, legal ones of a plan's segments, against what there is now; `left` found no room."""
    found = _compare(_task(placed, gpus, ()), positions, left, current)
    return replace(found, shortages=(*found.shortages, *too_few_hosts(positions, gpus, min_hosts)))


@dataclass(frozen=True, slots=True)
class _Task:
    """What one call is about; `wanted` is in order of priority, the larger first within a service."""

    placed: Sequence[Placed]
    wanted: Sequence[Segment]
    gpus: Mapping[str, Gpu]
    shapes: Mapping[str, Shapes]
    dense: bool = False

    def mask(self, gpu: str, start: int, size: int) -> int:
        """The slots covered, 0 where the GPU is unknown or the start not legal."""
        if gpu not in self.gpus:
            return 0
        return self.shapes[gpu].mask(size, start)


def _task(placed: Sequence[Placed], gpus: Sequence[Gpu], priority: Sequence[str], *, dense: bool = False) -> _Task:
    services = dict.fromkeys((*priority, *(one.segment.service for one in placed)))
    rank = {service: index for index, service in enumerate(services)}
    segments = (one.segment for one in placed)
    wanted = sorted(segments, key=lambda s: (rank[s.service], -s.size, s.batch, s.processes, s.revision))
    return _Task(placed, wanted, {gpu.id: gpu for gpu in gpus}, shapes_of(gpus), dense)


def _decide(task: _Task, live: Sequence[Running], occupants: Sequence[Running]) -> tuple[list[Position], list[Segment]]:
    """Where each wanted segment goes, and those that find no room."""
    pinned, rest = match(task.wanted, live, task.gpus, task.shapes)
    passing = _passing(task, pinned, occupants)
    for positions in _attempts(task, pinned, rest, passing):
        if positions is not None:
            return positions, []
    added, left = Board(list(task.gpus.values()), pinned, passing).fill(rest)
    return pinned + added, left


def _attempts(
    task: _Task, pinned: list[Position], rest: list[Segment], passing: Mapping[str, Passing]
) -> Iterator[list[Position] | None]:
    """Whole placements, the least change first; None for one that leaves something out."""
    gpus = list(task.gpus.values())
    if task.dense:
        yield positions_from_map(task.placed, pinned, gpus, task.shapes, passing)
    if not pinned:
        mapped = positions_from_map(task.placed, pinned, gpus, task.shapes, passing)
        yield _calmer(task, mapped, _fill_all(task, pinned, rest, passing), passing)
    yield _fill_all(task, pinned, rest, passing)
    yield _fill_all(task, pinned, rest, {})
    if not _could_fit(task):
        return
    for loose in _loosened(task, pinned):
        held = [position for position in pinned if position.pinned or position.gpu not in loose]
        freed = [position.segment for position in pinned if not position.pinned and position.gpu in loose]
        yield _fill_all(task, held, rest + freed, {})
    yield positions_from_map(task.placed, pinned, gpus, task.shapes, passing)


def _calmer(
    task: _Task, one: list[Position] | None, other: list[Position] | None, passing: Mapping[str, Passing]
) -> list[Position] | None:
    """The one that waits for less and breaks less; the first if they are equal in that."""
    if one is None or other is None:
        return one or other

    def cost(positions: Sequence[Position]) -> int:
        return sum(passing_cost(task.mask(p.gpu, p.start, p.segment.size), passing.get(p.gpu, ())) for p in positions)

    return one if cost(one) <= cost(other) else other


def _fill_all(
    task: _Task, pinned: list[Position], rest: Sequence[Segment], passing: Mapping[str, Passing]
) -> list[Position] | None:
    """Everything placed beside the pinned, largest first, or None."""
    largest_first = sorted(rest, key=lambda segment: -segment.size)
    added, left = Board(list(task.gpus.values()), pinned, passing).fill(largest_first)
    return None if left else pinned + added


def _could_fit(task: _Task) -> bool:
    """Whether the GPUs have GPCs enough for all that is wanted."""
    wanted = sum(gpcs_of(segment.size) for segment in task.wanted)
    return wanted <= sum(gpu.geometry.compute_slices for gpu in task.gpus.values())


def _loosened(task: _Task, pinned: Sequence[Position]) -> Iterator[frozenset[str]]:
    """Growing sets of GPUs to re-pack, those that hold the least first: 1, 2, 4, ... all."""
    held: dict[str, int] = {}
    for position in pinned:
        if not task.gpus[position.gpu].cordoned:
            held[position.gpu] = held.get(position.gpu, 0) + gpcs_of(position.segment.size)
    emptiest_first = sorted(held, key=held.__getitem__)
    count = 1
    while count < 2 * len(emptiest_first):
        yield frozenset(emptiest_first[:count])
        count *= 2


def _passing(task: _Task, pinned: Sequence[Position], occupants: Sequence[Running]) -> dict[str, Passing]:
    """By GPU, the slots of each segment that is there now and will go, with what taking them costs."""
    stay = {(position.gpu, position.start, key_of(position.segment)) for position in pinned}
    passing: dict[str, Passing] = {}
    for running in occupants:
        mask = task.mask(running.gpu, running.start, running.segment.size)
        stays = (running.gpu, running.start, key_of(running.segment)) in stay and not running.leaving
        if mask and not stays:
            cost = WAIT if running.leaving else BREAK
            passing[running.gpu] = (*passing.get(running.gpu, ()), (mask, cost))
    return passing


def _as_running(positions: Sequence[Position]) -> list[Running]:
    return [
        Running(str(index), one.gpu, one.start, one.segment, pinned=one.pinned) for index, one in enumerate(positions)
    ]


def _compare(
    task: _Task, positions: Sequence[Position], left: Sequence[Segment], current: Sequence[Running]
) -> Placement:
    """The positions against what there is now."""
    wanted = {(p.gpu, p.start, key_of(p.segment)): p for p in positions}
    kept, going = [], []
    for running in current:
        position = None
        if not running.leaving:
            position = wanted.pop((running.gpu, running.start, key_of(running.segment)), None)
        if position is None:
            going.append(running)
        else:
            kept.append(Kept(running, position.segment))
    order = {gpu: index for index, gpu in enumerate(task.gpus)}
    new = sorted(wanted.values(), key=lambda p: (order[p.gpu], p.start))
    return Placement(
        kept=tuple(kept),
        created=tuple(Created(p.gpu, p.start, p.segment, _in_the_way(task, p, going)) for p in new),
        removed=tuple(running for running in going if not running.leaving),
        shortages=shortages(left, task.placed, list(task.gpus.values())),
    )


def _in_the_way(task: _Task, position: Position, going: Sequence[Running]) -> tuple[str, ...]:
    """Ids of the going segments that hold slots of the position."""
    mask = task.mask(position.gpu, position.start, position.segment.size)
    return tuple(
        running.id
        for running in going
        if running.gpu == position.gpu and mask & task.mask(running.gpu, running.start, running.segment.size)
    )
