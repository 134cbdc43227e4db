"""Plans to choose from, and how good each is: from all that runs kept to everything planned anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from common.mig import gpcs_of
from controller.allocator.covering import covers
from controller.allocator.moves.floor import served
from controller.allocator.moves.hosts import Planner, plan_spread
from controller.allocator.moves.keeping import Held, hold
from controller.allocator.moves.steps import steps
from controller.allocator.moves.types import Action
from controller.allocator.spread import hosts_of
from controller.allocator.stability import rearrange
from controller.allocator.stability_types import Gpu, Placement, Position, Running
from controller.allocator.types import Options, Placed, Plan, ProfileTable, Service

MOVED = 0.5  # of the segments on GPUs that are emptied: so many at least are taken to be created again
FEW = 16  # services with something to plan, up to which smaller sizes are tried for them too

# (services of the highest priority under their rate, the share that they lack, ... of the lowest); moves that serve for
# a while only or break a service, where that is to be avoided; GPUs + price × moves
Worth = tuple[tuple[float, ...], int, float]


@dataclass(frozen=True, slots=True)
class Task:
    """What one call is about; `services` are those that can be served, the most important first."""

    services: Sequence[Service]
    profiles: Mapping[str, ProfileTable]
    options: Options
    gpus: Sequence[Gpu]
    planner: Planner
    move_price: float
    min_hosts: Mapping[str, int]
    stand_ins: bool  # whether temporary segments may be made

    @property
    def names(self) -> list[str]:
        """Of the services, in their order."""
        return [service.name for service in self.services]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where everything would stand, and what that is worth: less is better."""

    placement: Placement
    worth: Worth
    ties: tuple[int, int, int, int]  # changes; creations that wait for others to go; less the hosts; GPCs


def candidates(task: Task, kept: Sequence[Running], current: Sequence[Running], fresh: Plan) -> Iterator[Candidate]:
    """The least change first; those that cannot be better than what is known already are left out.

    `kept` of `current` may be counted on; `fresh` is the plan of everything anew.
    """
    least = hold(task.services, kept, task.gpus)
    best: Candidate | None = None

    def good(found: Candidate) -> Candidate:
        nonlocal best
        best = found if best is None or found.worth < best.worth else best
        return found

    for extra in _extras(task, least):
        yield good(_placed(task, least, extra, current))
    if least.rest:
        anew = {service.name for service in least.rest}
        some = hold(task.services, [one for one in kept if one.pinned or one.segment.service not in anew], task.gpus)
        yield good(_placed(task, some, _plan(task, some.rest), current))
    for dense in (False, True):
        if best and _may_improve(task, best, fresh.lower_bound):
            yield good(_anew(task, kept, current, fresh, dense=dense))
    for found in _giving_way(task, kept, current, best):
        yield good(found)
    if best:
        yield from _emptied(task, kept, current, fresh, lambda: best)


def _emptied(
    task: Task, kept: Sequence[Running], current: Sequence[Running], fresh: Plan, best: Callable[[], Candidate | None]
) -> Iterator[Candidate]:
    """With the 1, 2, 4, ... GPUs emptied that hold the least, as long as that may be worth its moves."""
    held = Counter(one.gpu for one in kept)
    fixed = {gpu.id for gpu in task.gpus if gpu.cordoned} | {one.gpu for one in kept if one.pinned}
    order = sorted((gpu for gpu in held if gpu not in fixed), key=lambda gpu: (held[gpu], gpu))
    count = 1
    while count <= len(order) and (known := best()) and _may_improve(task, known, fresh.lower_bound):
        loose = frozenset(order[:count])
        gain = known.worth[2] - fresh.lower_bound
        if any(known.worth[0]) or sum(held[gpu] for gpu in loose) * MOVED * task.move_price > gain:
            return  # nothing is emptied while something is short
        staying = hold(task.services, [one for one in kept if one.gpu not in loose], task.gpus)
        others = replace(task, gpus=[gpu for gpu in task.gpus if gpu.id not in loose])
        yield _placed(others, staying, _plan(task, staying.rest), current, task)
        count *= 2


def _giving_way(
    task: Task, kept: Sequence[Running], current: Sequence[Running], best: Candidate | None
) -> Iterator[Candidate]:
    """While a service is short: with 1, 2, 4, ... services of less priority out of its way, the last first.

    Whatever then fits beside it of those is found from there.
    """
    short = under_rate(task, best.placement) if best else {}
    level = max((one.priority for one in task.services if one.name in short), default=None)
    running = {service for one in kept for service, _ in served(one.segment)}
    less = [one.name for one in reversed(task.services) if level is not None and one.priority < level]
    less = [name for name in less if name in running]
    highest = {one.name for one in task.services if one.priority == level}
    count, enough = 1, False
    while less and not enough:
        out = set(less[:count])
        staying = [one for one in kept if one.pinned or not any(name in out for name, _ in served(one.segment))]
        fewer = replace(task, services=_as_pinned(task.services, out, staying))
        held = hold(fewer.services, staying, task.gpus)
        found = _placed(fewer, held, _plan(task, held.rest), current, task)
        yield found
        enough = count >= len(less) or not highest & under_rate(task, found.placement).keys()
        count *= 2


def _as_pinned(services: Sequence[Service], out: Collection[str], staying: Sequence[Running]) -> list[Service]:
    """Those that are `out` ask for no more than is pinned of them, or not at all."""
    given: dict[str, float] = {}
    for one in staying:
        for name, throughput in served(one.segment):
            given[name] = given.get(name, 0.0) + throughput
    asking = [one for one in services if one.name not in out or one.name in given]
    return [replace(one, rate=min(one.rate, given[one.name])) if one.name in out else one for one in asking]


def _may_improve(task: Task, best: Candidate, bound: int) -> bool:
    """Whether fewer GPUs are possible at all, for one move at least, or something is short."""
    return any(best.worth[0]) or best.worth[2] > bound + task.move_price


def _anew(task: Task, kept: Sequence[Running], current: Sequence[Running], fresh: Plan, *, dense: bool) -> Candidate:
    """Everything as `fresh` has it, beside what is pinned; `dense`: on as few GPUs as it has."""
    held = hold(task.services, [one for one in kept if one.pinned], task.gpus)
    extra = _plan(task, held.rest) if held.segments else fresh
    return _placed(task, held, extra, current, dense=dense)


def _extras(task: Task, held: Held) -> Iterator[Plan]:
    """Plans for what is still to plan; with the largest sizes left out too, as small ones may fit between others."""
    plan = _plan(task, held.rest)
    yield plan
    if 0 < len(held.rest) <= FEW:
        refused = {one.service for one in plan.unservable}
        largest = max((one.segment.size for one in plan.placed), default=0)
        for most in sorted((size for size in task.options.geometry.sizes if size < largest), reverse=True):
            smaller = _plan(task, held.rest, most)
            if {one.service for one in smaller.unservable} <= refused:
                yield smaller


def _plan(task: Task, services: Sequence[Service], most: int | None = None) -> Plan:
    profiles = task.profiles
    if most is not None:
        models = {service.model for service in services} & set(profiles)
        profiles = {
            model: ProfileTable(model, tuple(point for point in profiles[model].points if point.size <= most))
            for model in models
        }
    return plan_spread(services, profiles, task.options, task.planner)


def _placed(
    task: Task, held: Held, extra: Plan, current: Sequence[Running], judge: Task | None = None, *, dense: bool = False
) -> Candidate:
    """What is held and the plan for the rest, on the GPUs with little change; `judge`: whose GPUs count."""
    number = {gpu: extra.gpus + n for n, gpu in enumerate(dict.fromkeys(one.gpu for one in held.segments))}
    placed = [*extra.placed, *(Placed(number[one.gpu], one.start, one.segment) for one in held.segments)]
    found = rearrange(placed, current, task.gpus, task.names, min_hosts=task.min_hosts, dense=dense)
    return _judged(judge or task, found, current)


def _judged(task: Task, placement: Placement, current: Sequence[Running]) -> Candidate:
    waiting = sum(bool(created.after) for created in placement.created)
    rates = {service.name: service.rate for service in task.services}
    made = steps(placement, current, task.gpus, rates) if waiting else ()
    temporary = sum(step.temporary and step.action is Action.CREATE for step in made)
    broken = sum(step.short > 0 for step in made)
    cost = len(used(placement)) + task.move_price * (len(placement.created) + temporary)
    positions = positions_of(placement)
    hosts = sum(hosts_of(positions, task.gpus).values())
    gpcs = sum(gpcs_of(one.segment.size) for one in positions)
    changes = len(placement.created) + len(placement.removed)
    avoided = broken if task.stand_ins else broken + temporary
    return Candidate(placement, (missing(task, placement), avoided, cost), (changes, waiting, -hosts, gpcs))


def positions_of(placement: Placement) -> list[Position]:
    """Where segments stand afterwards."""
    kept = [Position(one.running.gpu, one.running.start, one.segment, one.running.pinned) for one in placement.kept]
    return kept + [Position(one.gpu, one.start, one.segment) for one in placement.created]


def used(placement: Placement) -> set[str]:
    """GPUs that hold something afterwards."""
    return {one.running.gpu for one in placement.kept} | {one.gpu for one in placement.created}


def under_rate(task: Task, placement: Placement) -> dict[str, float]:
    """The share of its rate that each service lacks, if it lacks any."""
    given: dict[str, list[float]] = {}
    for one in positions_of(placement):
        for service, throughput in served(one.segment):
            given.setdefault(service, []).append(throughput)
    total = {one.name: fsum(given.get(one.name, ())) for one in task.services}
    return {one.name: 1 - total[one.name] / one.rate for one in task.services if not covers(total[one.name], one.rate)}


def missing(task: Task, placement: Placement) -> tuple[float, ...]:
    """By priority, the highest first: services under their rate or on too few hosts, and how much of it is lacking."""
    lacking = under_rate(task, placement)
    hosts = hosts_of(positions_of(placement), task.gpus) if task.min_hosts else {}
    levels: dict[int, list[float]] = {level: [0, 0.0] for level in sorted({-one.priority for one in task.services})}
    for service in task.services:
        share = lacking.get(service.name, 0.0)
        apart = task.min_hosts.get(service.name, 0) - hosts.get(service.name, 0)
        levels[-service.priority][0] += share > 0 or apart > 0
        levels[-service.priority][1] += share + max(apart, 0)
    return tuple(figure for level in levels.values() for figure in level)
