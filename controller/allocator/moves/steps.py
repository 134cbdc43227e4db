"""The moves of a placement in an order that keeps every service at its rate wherever there is room to do so.

Make before break: a segment is created as soon as its slots are free and drained only once the others of its service
carry the rate. Where a segment can only come after one that its own service still needs goes, a temporary copy on
free slots takes its place meanwhile. Where there is no such room the break is made, and its shortfall stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from controller.allocator.moves.floor import Floor, Place
from controller.allocator.stability_types import Gpu, Placement, Running
from controller.allocator.types import Segment


class Action(Enum):
    """What a step does."""

    CREATE = "create"
    DRAIN = "drain"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One move; steps of a `wave` may be made at once, a wave begins when the one before is done.

    `short` is by how many items/s the service is under its rate from this step on, until its next one is created.
    """

    wave: int
    action: Action
    gpu: str
    start: int
    segment: Segment
    why: str
    short: float = 0.0


@dataclass
class _Work:
    floor: Floor
    create: dict[Place, Segment]
    remove: dict[Place, Segment]
    steps: list[Step] = field(default_factory=list)
    wave: int = 0
    temporary: set[Place] = field(default_factory=set)

    def add(self, action: Action, place: Place, segment: Segment, why: str, short: float = 0.0) -> None:
        self.steps.append(Step(self.wave, action, *place, segment, why, short))


def steps(
    placement: Placement, current: Sequence[Running], gpus: Sequence[Gpu], rates: Mapping[str, float]
) -> tuple[Step, ...]:
    """Create, drain and delete steps that lead from `current` to the placement.

    `gpus` are those that live: what ran on others is gone and needs no step. `rates` are items/s by service.
    """
    alive = {gpu.id for gpu in gpus}
    standing = {(one.gpu, one.start): one.segment for one in current if one.gpu in alive}
    work = _Work(
        Floor(gpus, rates, dict(standing)),
        {(new.gpu, new.start): new.segment for new in placement.created},
        {(old.gpu, old.start): old.segment for old in placement.removed if old.gpu in alive},
    )
    while work.create or work.remove:
        made = _create_ready(work)
        freed = _remove_safe(work)
        if not (made or freed):
            _make_room(work)
        work.wave += 1
    waves = {wave: number for number, wave in enumerate(sorted({step.wave for step in work.steps}))}
    return tuple(replace(step, wave=waves[step.wave]) for step in work.steps)


def _create_ready(work: _Work) -> bool:
    """Creates whatever has its slots free; the first in need of capacity first."""
    ready = [at for at, segment in work.create.items() if work.floor.has_room(*at, segment.size)]
    for at in ready:
        segment = work.create.pop(at)
        work.floor.standing[at] = segment
        work.add(Action.CREATE, at, segment, "its slots are free")
    if ready:
        work.wave += 1
    return bool(ready)


def _remove_safe(work: _Work) -> bool:
    """Drains and deletes whatever its service can do without."""
    found = False
    for at in list(work.remove):
        if work.floor.short_without(at) == 0:
            _remove(work, at, "the others of its service carry the rate")
            found = True
    return found


def _remove(work: _Work, at: Place, why: str, short: float = 0.0) -> None:
    segment = work.remove.pop(at)
    work.add(Action.DRAIN, at, segment, why, short)
    work.add(Action.DELETE, at, segment, "drained")
    del work.floor.standing[at]


def _make_room(work: _Work) -> None:
    """Nothing can be done without harm: a temporary copy where there is room for one, else the smallest break."""
    reserved: dict[str, int] = {}
    for (gpu, start), segment in work.create.items():
        reserved[gpu] = reserved.get(gpu, 0) | work.floor.mask(gpu, start, segment.size)
    for at, segment in sorted(work.remove.items(), key=lambda item: (item[1].size, item[0])):
        if at in work.temporary:
            continue
        spare = work.floor.spare_place(segment.size, reserved)
        if spare is not None:
            work.floor.standing[spare] = segment
            work.add(Action.CREATE, spare, segment, "temporary, so that its original may go")
            work.wave += 1
            _remove(work, at, "a temporary copy stands in")
            work.remove[spare] = segment
            work.temporary.add(spare)
            return
    if not work.remove:
        raise ValueError(f"nothing makes room for {sorted(work.create)}: is the placement legal?")
    at = min(work.remove, key=lambda place: (work.floor.short_without(place), place))
    _remove(work, at, "no spare slots: its successor needs its place", work.floor.short_without(at))
