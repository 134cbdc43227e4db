"""The state while steps are listed: what is still to do, and which steps a further one must wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from controller.allocator.moves.floor import Capacity, Place, Slots, served, standing
from controller.allocator.moves.types import Action, Step
from controller.allocator.stability_types import Gpu, Placement, Running
from controller.allocator.types import Segment


@dataclass(frozen=True, slots=True)
class Job:
    """A segment to create or to remove."""

    id: str
    place: Place
    segment: Segment
    temporary: bool = False


def _job(running: Running) -> Job:
    return Job(running.id, (running.gpu, running.start), running.segment)


class Work:
    """`create` and `remove` are by id, what is not done yet."""

    def __init__(
        self,
        placement: Placement,
        current: Sequence[Running],
        gpus: Sequence[Gpu],
        rates: Mapping[str, float] | None,
    ) -> None:
        there = standing(current, gpus)
        self.slots = Slots(gpus)
        self.made: list[Step] = []
        self._created: dict[str, list[int]] = {}  # by service
        self._deleted: dict[str, list[tuple[int, int]]] = {}  # by GPU: step, mask
        for one in (*there.ready.values(), *there.leaving.values()):
            self.slots.put((one.gpu, one.start), one.segment.size)
        ready = {one.id: one.segment for one in there.ready.values()}
        self.capacity = Capacity(ready)
        new = [Job(f"new-{number}", (c.gpu, c.start), c.segment) for number, c in enumerate(placement.created)]
        self.create = {job.id: job for job in new}
        self._create_on: dict[str, dict[str, Job]] = {}  # by GPU
        for job in new:
            self._create_on.setdefault(job.place[0], {})[job.id] = job
        self.remove = {one.id: _job(one) for one in placement.removed if one.id in ready}
        self._settle(placement, [_job(one) for one in there.leaving.values()], there.waiting)
        self._set_needs(ready, rates)

    def _settle(self, placement: Placement, leaving: Sequence[Job], waiting: Mapping[str, Running]) -> None:
        """What leaves goes, and successors come to stand there; those that are not wanted never do."""
        unwanted = {one.id for one in placement.removed}
        for one in waiting.values():
            if one.id in unwanted:
                self._step(Action.DELETE, _job(one), "it never started, and is not wanted", ())
        for job in leaving:
            self._delete(job, "it drains already", ())
        for one in waiting.values():
            if one.id not in unwanted:
                self.slots.put((one.gpu, one.start), one.segment.size)
                self.capacity.add(one.id, one.segment)

    def _set_needs(self, ready: Mapping[str, Segment], rates: Mapping[str, float] | None) -> None:
        before, after = Capacity(ready), Capacity(ready)
        for job in self.create.values():
            after.add(job.id, job.segment)
        for job in self.remove.values():
            after.drop(job.id, job.segment)
        services = {service for segment in ready.values() for service, _ in served(segment)}
        known = {service: (before.of(service), after.of(service)) for service in services}
        if rates is None:
            rates = {service: min(pair) for service, pair in known.items()}
        had = {service: min(rates.get(service, 0.0), pair[0]) for service, pair in known.items()}
        self._had = had
        self._needs = {service: min(had[service], pair[1]) for service, pair in known.items()}

    def in_need(self, segment: Segment) -> bool:
        """Whether a service of the segment has less than it needs, or nothing."""
        return any(
            self.capacity.of(name) < self._needs.get(name, 0.0) or not self.capacity.of(name)
            for name, _ in served(segment)
        )

    def lacking_without(self, job: Job) -> float:
        """Items/s that services lack of what they need once the segment is drained."""
        return self.capacity.lacking_without(job.segment, self._needs)

    def short_without(self, job: Job) -> float:
        """The same of what they had, up to their rates."""
        return self.capacity.lacking_without(job.segment, self._had)

    def blocked_by(self, job: Job) -> bool:
        """Whether something to create waits for its slots."""
        return any(self._overlap(job, other) for other in self._create_on.get(job.place[0], {}).values())

    def reserved(self, going: Job | None = None) -> dict[str, int]:
        """By GPU, the slots that segments are to be created on: all, or only those that wait for `going`."""
        slots: dict[str, int] = {}
        for job in self.create.values():
            same_gpu = going is None or (job.place[0] == going.place[0] and self._overlap(job, going))
            if same_gpu or (going and job.segment.service == going.segment.service):
                slots[job.place[0]] = slots.get(job.place[0], 0) | self._mask(job)
        return slots

    def do_create(self, job: Job, why: str) -> None:
        """It waits for what stood on its slots."""
        mask = self._mask(job)
        after = [step for step, freed in self._deleted.get(job.place[0], ()) if freed & mask]
        self._step(Action.CREATE, job, why, after)
        if self.create.pop(job.id, None):
            del self._create_on[job.place[0]][job.id]
        self.slots.put(job.place, job.segment.size)
        self.capacity.add(job.id, job.segment)
        for service, _ in served(job.segment):
            self._created.setdefault(service, []).append(len(self.made) - 1)

    def do_remove(self, job: Job, why: str, short: float = 0.0) -> None:
        """It waits for all that was created for its services."""
        after = sorted({step for service, _ in served(job.segment) for step in self._created.get(service, ())})
        self._step(Action.DRAIN, job, why, after, short)
        del self.remove[job.id]
        self.capacity.drop(job.id, job.segment)
        self._delete(job, "it is drained", (len(self.made) - 1,))

    def _delete(self, job: Job, why: str, after: Sequence[int]) -> None:
        self._step(Action.DELETE, job, why, after)
        self._deleted.setdefault(job.place[0], []).append((len(self.made) - 1, self._mask(job)))
        self.slots.free(job.place, job.segment.size)

    def _step(self, action: Action, job: Job, why: str, after: Sequence[int], short: float = 0.0) -> None:
        wave = max((self.made[step].wave + 1 for step in after), default=0)
        profile = self.slots.profile(job.place, job.segment.size)
        self.made.append(
            Step(wave, action, *job.place, job.segment, why, short, profile, job.id, tuple(after), job.temporary)
        )

    def in_waves(self) -> tuple[Step, ...]:
        """The steps by wave; `after` is renumbered."""
        order = sorted(range(len(self.made)), key=lambda index: self.made[index].wave)
        number = {index: position for position, index in enumerate(order)}
        return tuple(
            replace(self.made[index], after=tuple(sorted(number[step] for step in self.made[index].after)))
            for index in order
        )

    def _overlap(self, one: Job, other: Job) -> bool:
        return bool(self._mask(one) & self._mask(other))

    def _mask(self, job: Job) -> int:
        return self.slots.mask(job.place, job.segment.size)
