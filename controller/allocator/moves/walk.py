"""Walks steps one by one and says what they break: the judge of `steps`, which knows nothing of how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.mig import gpcs_of
from controller.allocator.covering import covers, due
from controller.allocator.moves.floor import Capacity, Place, Slots, served, standing
from controller.allocator.moves.types import Action, Checked, Step
from controller.allocator.stability_types import Gpu, Running
from controller.allocator.types import Segment


def shortfalls(
    made: Sequence[Step], current: Sequence[Running], gpus: Sequence[Gpu], rates: Mapping[str, float]
) -> dict[str, float]:
    """The most that each service loses of what it had, items/s, below the lower of its rate and its start.

    Only services that lose something are named. ValueError for a step that cannot be made when its turn comes.
    """
    return dict(check_steps(made, current, gpus, rates).short)


def check_steps(
    made: Sequence[Step], current: Sequence[Running], gpus: Sequence[Gpu], rates: Mapping[str, float]
) -> Checked:
    """Makes the steps in the order given. ValueError for one that cannot be made when its turn comes.

    A break is avoidable where the slots free at that moment would hold a copy of what is drained, unless the service is
    to have less in the end: that is the placement's doing, and no order of steps would spare it.
    """
    walk = _Walk(current, gpus, rates)
    for step in made:
        walk.make(step)
    return Checked(walk.worst, walk.avoidable(), (walk.gpcs[0], max(walk.gpcs), walk.gpcs[-1]))


class _Walk:
    def __init__(self, current: Sequence[Running], gpus: Sequence[Gpu], rates: Mapping[str, float]) -> None:
        there = standing(current, gpus)
        self._waiting = dict(there.waiting)
        self._slots = Slots(gpus)
        self._at: dict[Place, tuple[str, Segment]] = {}
        self._drained: set[str] = set()
        for one in (*there.ready.values(), *there.leaving.values()):
            self._stand(one.id, (one.gpu, one.start), one.segment)
        self._drained |= set(there.leaving)
        self._capacity = Capacity({one.id: one.segment for one in there.ready.values()})
        self._due = {service: min(rate, self._capacity.of(service)) for service, rate in rates.items()}
        self.worst: dict[str, float] = {}
        self._beside_room: list[tuple[str, str]] = []  # service, what is said of it
        self.gpcs = [self._in_use()]

    def make(self, step: Step) -> None:
        place = (step.gpu, step.start)
        if step.action is Action.CREATE:
            if not self._slots.has_room(place, step.segment.size):
                raise ValueError(f"{step.service} cannot be created at {place}: the slots are taken or not legal")
            self._stand(step.id, place, step.segment)
            self._capacity.add(step.id, step.segment)
        elif self._waiting.pop(step.id, None) is not None:
            return  # it never stood
        elif self._at.get(place) != (step.id, step.segment):
            raise ValueError(f"{step.service} does not stand at {place}")
        elif step.action is Action.DRAIN:
            self._drain(step)
        else:
            self._delete(step, place)
        self.gpcs.append(self._in_use())

    def avoidable(self) -> tuple[str, ...]:
        """The breaks of services that end with what is due to them."""
        return tuple(
            said for service, said in self._beside_room if covers(self._capacity.of(service), self._due[service])
        )

    def _drain(self, step: Step) -> None:
        self._drained.add(step.id)
        self._capacity.drop(step.id, step.segment)
        for service, _ in served(step.segment):
            short = due(self._due.get(service, 0.0)) - self._capacity.of(service)
            if short > 0:
                self.worst[service] = max(short, self.worst.get(service, 0.0))
                place = self._slots.spare_place(step.segment.size, {})
                if place:
                    said = f"{step.service} at {step.gpu}:{step.start}: a copy fits at {place}"
                    self._beside_room.append((service, said))

    def _delete(self, step: Step, place: Place) -> None:
        if step.id not in self._drained:
            raise ValueError(f"{step.service} at {place} is deleted before it is drained")
        self._slots.free(place, step.segment.size)
        del self._at[place]
        for one in list(self._waiting.values()):
            if self._slots.has_room((one.gpu, one.start), one.segment.size):
                self._stand(one.id, (one.gpu, one.start), self._waiting.pop(one.id).segment)
                self._capacity.add(one.id, one.segment)

    def _stand(self, identity: str, place: Place, segment: Segment) -> None:
        self._slots.put(place, segment.size)
        self._at[place] = identity, segment

    def _in_use(self) -> int:
        return sum(gpcs_of(segment.size) for _, segment in self._at.values())
