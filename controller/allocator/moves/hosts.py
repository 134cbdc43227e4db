"""Plans with a segment at least for each host that a service asks for, and refuses what the fleet has no hosts for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf, nextafter

from controller.allocator.moves.floor import served
from controller.allocator.shortage import hosts_detail
from controller.allocator.stability_types import Gpu
from controller.allocator.types import Options, Plan, ProfileTable, Reason, Service, Unservable

Planner = Callable[[Sequence[Service], Mapping[str, ProfileTable], Options], Plan]

_PART = "\0part "  # no name of a service has it


def plan_spread(
    services: Sequence[Service], profiles: Mapping[str, ProfileTable], options: Options, planner: Planner
) -> Plan:
    """The planner's plan, with at least `min_hosts` segments of each service that it serves.

    A service that gets fewer is split into so many equal demands and all is planned again. The lower bound is that of
    the first plan: a further condition never takes fewer GPUs.
    """
    first = planner(services, profiles, options)
    least = {service.name: service.min_hosts for service in services if service.min_hosts > 1}
    if not least:
        return first
    counts = Counter(name for one in first.placed for name, _ in served(one.segment))
    few = {name: wanted for name, wanted in least.items() if 0 < counts[name] < wanted}
    if not few:
        return first
    parts = [part for service in services for part in _parts(service, few.get(service.name, 1))]
    return _whole(planner(parts, profiles, options), first.lower_bound)


def refused_for_hosts(services: Sequence[Service], gpus: Sequence[Gpu]) -> dict[str, Unservable]:
    """By name, the services that ask for more hosts than take segments."""
    there = len({gpu.host for gpu in gpus if not gpu.cordoned})
    return {
        service.name: Unservable(service.name, Reason.INSUFFICIENT_GPUS, hosts_detail(service.min_hosts, there, there))
        for service in services
        if service.min_hosts > max(there, 1)
    }


def _parts(service: Service, number: int) -> list[Service]:
    if number == 1:
        return [service]
    rate = nextafter(service.rate / number, inf)
    return [replace(service, name=f"{service.name}{_PART}{n}", rate=rate, exclusive=True) for n in range(number)]


def _whole(plan: Plan, lower_bound: int) -> Plan:
    """The plan under the services' own names."""
    placed = tuple(
        replace(one, segment=replace(one.segment, service=_name(one.segment.service))) for one in plan.placed
    )
    unservable = {_name(one.service): replace(one, service=_name(one.service)) for one in plan.unservable}
    return replace(plan, placed=placed, unservable=tuple(unservable.values()), lower_bound=min(lower_bound, plan.gpus))


def _name(part: str) -> str:
    return part.split(_PART)[0]
