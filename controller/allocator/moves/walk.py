"""Walks steps one by one and says what they break: the judge of `steps`, which knows nothing of how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.allocator.moves.floor import Floor
from controller.allocator.moves.steps import Action, Step
from controller.allocator.stability_types import Gpu, Running


def shortfalls(
    made: Sequence[Step], current: Sequence[Running], gpus: Sequence[Gpu], rates: Mapping[str, float]
) -> dict[str, float]:
    """The most that each service loses of what it had, items/s, below the lower of its rate and its start.

    Only services that lose something are named. ValueError for a step that cannot be made when its turn comes.
    """
    alive = {gpu.id for gpu in gpus}
    floor = Floor(gpus, rates, {(one.gpu, one.start): one.segment for one in current if one.gpu in alive})
    due = {service: min(rate, floor.capacity(service)) for service, rate in rates.items()}
    draining: set[tuple[str, int]] = set()
    worst: dict[str, float] = {}
    for step in made:
        _make(floor, step, draining)
        if step.action is Action.DRAIN and step.segment.service in due:
            service = step.segment.service
            drained = sum(floor.standing[at].throughput for at in draining if floor.standing[at].service == service)
            short = due[service] * (1 - 1e-9) - (floor.capacity(service) - drained)
            if short > 0:
                worst[service] = max(short, worst.get(service, 0.0))
    return worst


def _make(floor: Floor, step: Step, draining: set[tuple[str, int]]) -> None:
    at = (step.gpu, step.start)
    if step.action is Action.CREATE:
        if not floor.has_room(*at, step.segment.size):
            raise ValueError(f"{step.segment.service} cannot be created at {at}: the slots are taken or not legal")
        floor.standing[at] = step.segment
    elif floor.standing.get(at) != step.segment:
        raise ValueError(f"{step.segment.service} does not stand at {at}")
    elif step.action is Action.DRAIN:
        draining.add(at)
    elif at in draining:
        draining.discard(at)
        del floor.standing[at]
    else:
        raise ValueError(f"{step.segment.service} at {at} is deleted before it is drained")
