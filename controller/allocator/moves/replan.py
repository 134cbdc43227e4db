"""Which plan to move to: the fewest GPUs, or a few more for far fewer moves, at a stated price per move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from common.mig import gpcs_of
from controller.allocator.moves.candidates import Candidate, Task, candidates, missing, positions_of, under_rate, used
from controller.allocator.moves.floor import served, standing
from controller.allocator.moves.hosts import Planner, plan_spread, refused_for_hosts
from controller.allocator.moves.keeping import keepable
from controller.allocator.moves.steps import steps
from controller.allocator.moves.types import Action, Step
from controller.allocator.stability import placement_of
from controller.allocator.stability_types import Gpu, Placement, Running, Shortage, key_of
from controller.allocator.types import Options, Placed, Plan, ProfileTable, Service, Unservable

MOVE_PRICE = 0.05  # GPUs that sparing a move is worth
MOST_ROUNDS = 16  # each takes GPUs off; until nothing more is worth its moves


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

    @property
    def moves_from_scratch(self) -> int:
        """The same as `from_scratch`."""
        return self.from_scratch


def replan(
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    current: Sequence[Running],
    gpus: Sequence[Gpu],
    *,
    planner: Planner,
    move_price: float = MOVE_PRICE,
    stand_ins: bool = True,
) -> Replanned:
    """The cheapest of several plans in GPUs used + `move_price` × segments created.

    What is short counts first, then how often moves break a service for want of room. Without `stand_ins` what would
    take a temporary segment counts as a break: for who carries out the placement without its steps.

    `gpus` are those that live; of the `services` those of higher priority come first, then in their order. Tried: all
    that still holds kept and only what is missing planned, in large segments and in small ones; the services that
    lack something planned anew; everything planned anew; and the GPUs that hold the least emptied. That is repeated
    from what it leads to while it gains, so a second call changes nothing. Ties go to the fewest moves, then to what
    waits for the fewest others, then to the fewest GPCs. What no plan covers is in the plan's `unservable` and the
    placement's `shortages`. Raises ValueError on a repeated name.
    """
    ordered = sorted(services, key=lambda service: -service.priority)
    there = standing(current, gpus)
    running = _in_order([*there.ready.values(), *there.waiting.values()], gpus)
    refused = _unhosted(ordered, gpus, running)
    wanted = [service for service in ordered if service.name not in refused]
    fresh = plan_spread(wanted, profiles, options, planner)
    lost = {one.service for one in fresh.unservable if one.gpus_short is None}
    can = [service for service in wanted if service.name not in lost]
    hosts = {service.name: service.min_hosts for service in can if service.min_hosts > 1}
    task = Task(can, profiles, options, gpus, planner, move_price, hosts, stand_ins)
    placement = _settled(task, running, current, fresh)
    plan = _as_placed(fresh, placement, task, tuple(refused.values()))
    made = steps(placement, current, gpus, {service.name: service.rate for service in services})
    return Replanned(plan, placement, made, plan.gpus, _from_scratch(fresh, running, gpus))


def _in_order(running: Sequence[Running], gpus: Sequence[Gpu]) -> list[Running]:
    order = {gpu.id: index for index, gpu in enumerate(gpus)}
    return sorted(running, key=lambda one: (order[one.gpu], one.start))


def _unhosted(services: Sequence[Service], gpus: Sequence[Gpu], running: Sequence[Running]) -> dict[str, Unservable]:
    """Services that ask for more hosts than there are; those that run go on, on the hosts that there are."""
    runs = {name for one in running for name, _ in served(one.segment)}
    return {name: why for name, why in refused_for_hosts(services, gpus).items() if name not in runs}


def _settled(task: Task, running: Sequence[Running], current: Sequence[Running], fresh: Plan) -> Placement:
    """The best candidate, then the best from there, until nothing gains."""
    best = _best(task, running, current, fresh)
    for _ in range(MOST_ROUNDS):
        now = _as_running(best.placement, task.gpus)
        again = _best(task, now, now, fresh)
        as_is = best.worth[0], 0, float(len(used(best.placement)))
        drops = again.worth == as_is and again.placement.removed and not again.placement.created
        if again.worth >= as_is and not drops:
            break
        best = again
    positions = positions_of(best.placement)
    placed = [Placed(0, one.start, one.segment) for one in positions]
    found = placement_of(placed, positions, (), current, task.gpus, {})
    return replace(found, shortages=_shortages(task, best.placement, fresh))


def _best(task: Task, running: Sequence[Running], current: Sequence[Running], fresh: Plan) -> Candidate:
    kept = keepable(task.services, task.profiles, task.options, running)
    return min(candidates(task, kept, current, fresh), key=lambda one: (one.worth, one.ties))


def _shortages(task: Task, placement: Placement, fresh: Plan) -> tuple[Shortage, ...]:
    """What is short there: of those that gave way to others too, which the placement's own planning left out."""
    if not any(missing(task, placement)):
        return ()
    now = _as_running(placement, task.gpus)
    kept = keepable(task.services, task.profiles, task.options, now)
    once_more = next(candidates(task, kept, now, fresh))
    said = {(one.service, one.segments > 0): one for one in (*once_more.placement.shortages, *placement.shortages)}
    return tuple(said.values())


def _as_running(placement: Placement, gpus: Sequence[Gpu]) -> list[Running]:
    found = [
        Running(str(number), one.gpu, one.start, one.segment, pinned=one.pinned)
        for number, one in enumerate(positions_of(placement))
    ]
    return _in_order(found, gpus)


def _as_placed(fresh: Plan, placement: Placement, task: Task, refused: tuple[Unservable, ...]) -> Plan:
    """The plan as the placement has it; its GPUs are numbered as the fleet's."""
    number = {gpu.id: index for index, gpu in enumerate(task.gpus)}
    found = [Placed(number[one.gpu], one.start, one.segment) for one in positions_of(placement)]
    placed = tuple(sorted(found, key=lambda one: (one.gpu, one.start)))
    lacking = under_rate(task, placement)
    unservable = tuple(one for one in fresh.unservable if one.gpus_short is None or one.service in lacking)
    return replace(
        fresh,
        placed=placed,
        gpus=len(used(placement)),
        gpcs=sum(gpcs_of(one.segment.size) for one in placed),
        unservable=(*unservable, *refused),
    )


def _from_scratch(fresh: Plan, running: Sequence[Running], gpus: Sequence[Gpu]) -> int:
    """Segments that do not stand where a fresh plan, GPU by GPU, would have them."""
    there = {(one.gpu, one.start, key_of(one.segment)) for one in running}
    ids = [gpu.id for gpu in gpus]
    wanted = [(ids[one.gpu] if one.gpu < len(ids) else "", one.start, key_of(one.segment)) for one in fresh.placed]
    return sum(at not in there for at in wanted)
