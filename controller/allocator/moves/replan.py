"""Which plan to move to: the fewest GPUs, or a few more for far fewer moves, at a stated price per move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.allocator.moves.steps import Action, Step, steps
from controller.allocator.optimal_triplet_decision import fast_points
from controller.allocator.stability import rearrange
from controller.allocator.stability_types import Gpu, Placement, Running, key_of
from controller.allocator.types import Options, Placed, Plan, ProfileTable, Segment, Service

MOST_FAILURES = 3  # GPUs that cannot be emptied, until the search ends

Planner = Callable[[Sequence[Service], Mapping[str, ProfileTable], Options], Plan]


@dataclass(frozen=True, slots=True)
class Replanned:
    """The plan taken, where its segments go, the moves in order, and what starting over would take instead."""

    plan: Plan
    placement: Placement
    steps: tuple[Step, ...]
    gpus_used: int
    from_scratch: int  # segments to create if a fresh plan were laid out without regard to what runs

    @property
    def moves(self) -> int:
        """Segments that are created, temporary ones as well."""
        return sum(step.action is Action.CREATE for step in self.steps)


def replan(
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    current: Sequence[Running],
    gpus: Sequence[Gpu],
    *,
    planner: Planner,
    move_price: float = 0.05,
) -> Replanned:
    """The cheapest of several plans in GPUs used + `move_price` × segments created; what is short counts first.

    `gpus` are those that live; `services` are in order of importance. Tried: everything planned anew; all that runs
    kept and only what is missing planned; those services planned anew whose segments no longer suffice. Ties go to
    the first in that order. What of the demand no plan covers is in the plan's `unservable` and the placement's
    `shortages`.
    """
    fresh = planner(services, profiles, options)
    alive = {gpu.id for gpu in gpus}
    running = [one for one in current if one.gpu in alive and not one.leaving]
    names = [service.name for service in services]
    best: tuple[tuple[float, float], Plan, Placement] | None = None
    for plan in _candidates(fresh, services, profiles, options, running, planner):
        for placement in _tighter(plan, current, gpus, names, move_price):
            key = _missing(placement), used(placement) + move_price * len(placement.created)
            if best is None or key < best[0]:
                best = key, plan, placement
    assert best is not None, "there is always the fresh plan"
    _, plan, placement = best
    plan = _as_placed(plan, placement, gpus)
    rates = {service.name: service.rate for service in services}
    made = steps(placement, current, gpus, rates)
    return Replanned(plan, placement, made, used(placement), _from_scratch(fresh, running, gpus))


def _tighter(
    plan: Plan, current: Sequence[Running], gpus: Sequence[Gpu], names: Sequence[str], move_price: float
) -> Iterator[Placement]:
    """The plan on the GPUs with the least change; then, GPU by GPU, with those emptied that hold little."""
    placement = rearrange(plan.placed, current, gpus, names)
    yield placement
    allowed, failures = list(gpus), 0
    while failures < MOST_FAILURES and not placement.shortages:
        held = _held(placement)
        worth = [gpu for gpu in allowed if 0 < held.get(gpu.id, 0) * move_price < 1 and not gpu.cordoned]
        if len(worth) <= failures:
            return
        emptied = sorted(worth, key=lambda gpu: held[gpu.id])[failures]
        without = [gpu for gpu in allowed if gpu is not emptied]
        found = rearrange(plan.placed, current, without, names)
        if found.shortages or used(found) >= used(placement):
            failures += 1
        else:
            allowed, placement = without, found
            yield placement


def _held(placement: Placement) -> Counter[str]:
    """Segments that each GPU holds afterwards."""
    return Counter([one.running.gpu for one in placement.kept] + [one.gpu for one in placement.created])


def used(placement: Placement) -> int:
    """GPUs that hold something afterwards."""
    return len(_held(placement))


def _missing(placement: Placement) -> float:
    return sum(one.throughput for one in placement.shortages)


def _candidates(
    fresh: Plan,
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    running: Sequence[Running],
    planner: Planner,
) -> Iterator[Plan]:
    yield fresh
    refused = {one.service for one in fresh.unservable}
    wanted = [service for service in services if service.name not in refused]
    kept = {service.name: _enough(service, running, profiles[service.model], options) for service in wanted}
    missing = [
        replace(service, rate=service.rate - _throughput(kept[service.name]))
        for service in wanted
        if _throughput(kept[service.name]) < service.rate * (1 - 1e-9)
    ]
    yield _joined(fresh, [segment for of in kept.values() for segment in of], planner(missing, profiles, options))
    short = {service.name for service in missing}
    anew = [service for service in wanted if service.name in short]
    whole = [segment for name, of in kept.items() if name not in short for segment in of]
    yield _joined(fresh, whole, planner(anew, profiles, options))


def _enough(service: Service, running: Sequence[Running], table: ProfileTable, options: Options) -> list[Segment]:
    """Running segments that the service can keep: as many as its rate needs, those that give the most first.

    Only of its revision, and only at points that hold its SLO by today's profile, at today's figures.
    """
    points = {(p.size, p.batch, p.processes): p for p in fast_points(service, table, options)}
    its = [
        one.segment
        for one in running
        if (one.segment.service, one.segment.revision) == (service.name, service.revision)
    ]
    known = [(segment, points.get((segment.size, segment.batch, segment.processes))) for segment in its]
    usable = [
        replace(segment, throughput=point.throughput, latency_ms=point.latency_ms) for segment, point in known if point
    ]
    taken: list[Segment] = []
    for segment in sorted(usable, key=lambda segment: -segment.throughput):
        if _throughput(taken) < service.rate * (1 - 1e-9):
            taken.append(segment)
    return taken


def _throughput(segments: Sequence[Segment]) -> float:
    return sum(segment.throughput for segment in segments)


def _joined(fresh: Plan, kept: Sequence[Segment], extra: Plan) -> Plan:
    """A plan of the kept segments and those of `extra`; its GPUs are only numbers, the placement decides."""
    moved = [Placed(extra.gpus + number, 0, segment) for number, segment in enumerate(kept)]
    placed = (*extra.placed, *moved)
    gpcs = sum(one.segment.size for one in placed)
    return replace(fresh, placed=placed, gpcs=gpcs, gpus=extra.gpus + len(moved))


def _as_placed(plan: Plan, placement: Placement, gpus: Sequence[Gpu]) -> Plan:
    """The plan as the placement has it; its GPUs are numbered as `gpus` are."""
    number = {gpu.id: index for index, gpu in enumerate(gpus)}
    kept = [Placed(number[one.running.gpu], one.running.start, one.segment) for one in placement.kept]
    new = [Placed(number[one.gpu], one.start, one.segment) for one in placement.created]
    placed = tuple(sorted((*kept, *new), key=lambda one: (one.gpu, one.start)))
    return replace(plan, placed=placed, gpus=used(placement), gpcs=sum(one.segment.size for one in placed))


def _from_scratch(fresh: Plan, running: Sequence[Running], gpus: Sequence[Gpu]) -> int:
    """Segments that do not stand where a fresh plan, GPU by GPU, would have them."""
    there = {(one.gpu, one.start, key_of(one.segment)) for one in running}
    ids = [gpu.id for gpu in gpus]
    wanted = [(ids[one.gpu] if one.gpu < len(ids) else "", one.start, key_of(one.segment)) for one in fresh.placed]
    return sum(at not in there for at in wanted)
