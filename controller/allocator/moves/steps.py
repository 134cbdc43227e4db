"""The moves of a placement in an order that keeps every service at its rate wherever there is room to do so.

Make before break: a segment is created as soon as its slots are free and drained only once the others of its service
carry the rate. Where a segment can only come after one that its own service still needs goes, a temporary copy on
free slots takes its place meanwhile. Where there is no such room the break is made, and its shortfall stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.allocator.moves.types import Action, Step
from controller.allocator.moves.work import Job, Work
from controller.allocator.stability_types import Gpu, Placement, Running

__all__ = ["Action", "Step", "steps"]


def steps(
    placement: Placement,
    current: Sequence[Running],
    gpus: Sequence[Gpu],
    rates: Mapping[str, float] | None = None,
) -> tuple[Step, ...]:
    """Create, drain and delete steps that lead from `current` to the placement.

    `gpus` are those that live: what ran on others is gone and needs no step. `rates` are items/s by service; a
    service that is not in `rates` needs nothing. Without `rates` each needs what it has, or what it is to have if
    that is less. Raises ValueError where the placement is not legal.

    A step waits for `after` only. That is enough in any order that keeps to it: each drain waits for all that is
    created for its services before it in the list, so of the drains done, the last in the list has all it counted on.
    """
    work = Work(placement, current, gpus, rates)
    while work.create or work.remove:
        created = _create_ready(work)
        removed = _remove_safe(work)
        if not (created or removed or _stand_in(work)):
            _break(work)
    return work.in_waves()


def _create_ready(work: Work) -> bool:
    """Creates whatever has its slots free; what is in need of capacity first."""
    ready = [job for job in work.create.values() if work.slots.has_room(job.place, job.segment.size)]
    for job in sorted(ready, key=lambda job: not work.in_need(job.segment)):
        work.do_create(job, "it is wanted here, and its slots are free")
    return bool(ready)


def _remove_safe(work: Work) -> bool:
    """Drains and deletes whatever its services can do without, what is in the way of others first."""
    found = False
    for job in sorted(work.remove.values(), key=lambda job: (not job.temporary, not work.blocked_by(job))):
        if work.lacking_without(job) == 0:
            short = work.short_without(job)
            why = "its service gives way to others" if short else "the others of its service carry the rate"
            work.do_remove(job, why, short)
            found = True
    return found


def _stand_in(work: Work) -> bool:
    """A temporary copy of one that is in the way of others, on slots that nothing waits for if there are such."""
    in_the_way = [job for job in work.remove.values() if not job.temporary and work.blocked_by(job)]
    in_the_way.sort(key=lambda job: (job.segment.size, job.place))
    everything = work.reserved()
    tries = [(job, everything) for job in in_the_way] + [(job, None) for job in in_the_way]
    for job, reserved in tries:
        place = work.slots.spare_place(job.segment.size, work.reserved(job) if reserved is None else reserved)
        if place is not None:
            copy = Job(f"temporary-{len(work.made)}", place, job.segment, temporary=True)
            work.do_create(copy, f"stands in for {job.id}, whose slots are needed")
            work.remove[copy.id] = copy
            work.do_remove(job, f"{copy.id} stands in")
            return True
    return False


def _break(work: Work) -> None:
    """There is no spare room: the one in the way that the least is lost by goes first."""
    in_the_way = [job for job in work.remove.values() if work.blocked_by(job)]
    if not in_the_way:
        raise ValueError(f"nothing makes room for {sorted(work.create)}: is the placement legal?")
    job = min(in_the_way, key=lambda job: (work.lacking_without(job), job.place))
    work.do_remove(job, "its slots are needed, and no free ones would take a copy", work.short_without(job))
