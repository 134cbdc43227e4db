"""Planning with shared segments: groups go through any planner as services of their own, then get their tenants."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from controller.allocator.configuration import refuse_repeats
from controller.allocator.sharing.bound import lower_bound
from controller.allocator.sharing.grouping import group
from controller.allocator.sharing.light import lights
from controller.allocator.sharing.pseudo import Pseudo, pseudo_of
from controller.allocator.types import Options, Placed, Plan, ProfileTable, Service, Unservable

Planner = Callable[[Sequence[Service], Mapping[str, ProfileTable], Options], Plan]


def plan_shared(
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    planner: Planner,
    *,
    expired: Callable[[], bool] = lambda: False,
) -> Plan:
    """The planner's plan where light services share segments, each within its SLO at `options.attainment`.

    A shared segment has `tenants`; its service is the stand-in's name. A tenant's wait is bounded for any order
    of execution (`waiting`), at `options.burstiness` times its rate and latencies a tenth above the measured.
    The same input gives the same plan if the planner does; once time is `expired` groups are taken as they are.
    Raises ValueError on a repeated name.
    """
    refuse_repeats(services)
    candidates = lights(services, profiles, options)
    taken = {*profiles, *(service.name for service in services)}
    stand_ins = [pseudo_of(one, options, taken) for one in group(candidates, options, expired)]
    tables = {**profiles, **{one.service.model: one.table for one in stand_ins}}
    plan = planner(_with(services, stand_ins), tables, options)
    by_name = {one.service.name: one for one in stand_ins}
    unservable = [one for refused in plan.unservable for one in _refused(refused, by_name)]
    left_out = {one.service for one in unservable}
    served = [service for service in services if service.name not in left_out]
    return replace(
        plan,
        placed=tuple(_tenanted(placed, by_name) for placed in plan.placed),
        unservable=_in_order(unservable, services),
        lower_bound=min(plan.gpus, lower_bound(served, profiles, options, candidates)),
    )


def _with(services: Sequence[Service], stand_ins: Sequence[Pseudo]) -> list[Service]:
    """Each stand-in where the first of its tenants was; the tenants left out."""
    stands = {tenant.service: one.service for one in stand_ins for tenant in one.tenants}
    first = {one.tenants[0].service for one in stand_ins}
    return [
        stands.get(service.name, service) for service in services if service.name not in stands or service.name in first
    ]


def _tenanted(placed: Placed, by_name: Mapping[str, Pseudo]) -> Placed:
    stand_in = by_name.get(placed.segment.service)
    return replace(placed, segment=stand_in.shared(placed.segment)) if stand_in else placed


def _refused(refused: Unservable, by_name: Mapping[str, Pseudo]) -> Iterator[Unservable]:
    """A refused group is a refusal of each tenant."""
    stand_in = by_name.get(refused.service)
    names = [tenant.service for tenant in stand_in.tenants] if stand_in else [refused.service]
    for name in names:
        yield replace(refused, service=name)


def _in_order(unservable: Sequence[Unservable], services: Sequence[Service]) -> tuple[Unservable, ...]:
    order = {service.name: index for index, service in enumerate(services)}
    return tuple(sorted(unservable, key=lambda refused: order[refused.service]))
