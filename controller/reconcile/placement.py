"""From demands and pools to where every segment shall stand: the planner, then as little change as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import fsum

from controller import allocator
from controller.allocator.covering import covers
from controller.allocator.moves import replan
from controller.allocator.moves.hosts import Planner, plan_spread
from controller.allocator.moves.keeping import keepable
from controller.model import Segment
from controller.reconcile.demand import Demand, revision_of
from controller.reconcile.fleet import Pool
from controller.reconcile.options import Options
from controller.reconcile.slots import LEAVING


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What becomes of one pool; segments of the placement are of the `demands`, by the names of their services."""

    pool: Pool
    plan: allocator.Plan
    placement: allocator.Placement
    demands: tuple[Demand, ...]


def place(
    pool: Pool,
    demands: Sequence[Demand],
    tables: Mapping[str, allocator.ProfileTable],
    segments: Sequence[Segment],
    how: Options,
) -> PoolPlan:
    """Plans the demands on the pool that now holds `segments`: optimally, or as ParvaGPU does."""
    plan, placement = _placed(pool, [demand.service for demand in demands], tables, segments, how)
    return PoolPlan(pool, plan, placement, tuple(demands))


def service_name(segment: Segment) -> str:
    """Of the service that a segment is for. That of a group is none that a workload could have."""
    return group_service(segment.workload) if segment.tenants else segment.workload


def group_service(name: str) -> str:
    """The name of a group's service."""
    return f"+{name}"


def _placed(
    pool: Pool,
    services: Sequence[allocator.Service],
    tables: Mapping[str, allocator.ProfileTable],
    segments: Sequence[Segment],
    how: Options,
) -> tuple[allocator.Plan, allocator.Placement]:
    current = [running(segment) for segment in segments]
    options = replace(how.planner, geometry=pool.geometry)
    if how.algorithm == allocator.PARVAGPU:
        return _little_changed(pool, services, tables, current, options, allocator.plan)
    limit = how.clock() + how.plan_s
    planner = partial(allocator.plan_optimal, expired=lambda: how.clock() >= limit)
    # The rollout makes no temporary segments.
    made = replan(services, tables, options, current, pool.gpus, planner=planner, stand_ins=False)
    if not waiting(made.placement, current):
        return made.plan, made.placement
    return _little_changed(pool, services, tables, current, options, planner)


def waiting(placement: allocator.Placement, current: Sequence[allocator.Running]) -> int:
    """How many are created where another still serves: it would have to go first."""
    stay = {one.id for one in current if not one.leaving}
    return sum(bool(stay.intersection(created.after)) for created in placement.created)


def _little_changed(
    pool: Pool,
    services: Sequence[allocator.Service],
    tables: Mapping[str, allocator.ProfileTable],
    current: Sequence[allocator.Running],
    options: allocator.Options,
    planner: Planner,
) -> tuple[allocator.Plan, allocator.Placement]:
    """A fresh plan with as little change as possible, on free slots first, those of what leaves next.

    Where GPUs are too few, a workload that runs keeps what it has and gets what fits beside it, unless that
    would take room from a workload that could be served whole.
    """
    names = [service.name for service in services]
    hosts = {service.name: service.min_hosts for service in services if service.min_hosts > 1}
    plan = plan_spread(services, tables, options, planner)
    placement = allocator.rearrange(plan.placed, current, pool.gpus, names, min_hosts=hosts)
    held = _held(services, tables, current, options, {shortage.service for shortage in placement.shortages})
    if held:
        wanted = (*_as_placed(held, plan.gpus), *_rest(services, held, tables, options, planner))
        careful = allocator.rearrange(wanted, current, pool.gpus, names, min_hosts=hosts)
        if _short(careful) <= _short(placement):
            placement = careful
    return plan, placement


def _short(placement: allocator.Placement) -> set[str]:
    return {shortage.service for shortage in placement.shortages}


def running(segment: Segment) -> allocator.Running:
    """A segment as the planner sees it."""
    planned = allocator.Segment(
        service=service_name(segment),
        size=segment.gpcs,
        batch=segment.batch,
        processes=segment.processes,
        throughput=segment.throughput,
        latency_ms=segment.latency_ms,
        revision=revision_of(segment),
    )
    leaving = segment.state in LEAVING
    return allocator.Running(
        segment.id, segment.gpu_uuid, segment.start, planned, leaving=leaving, pinned=segment.pinned
    )


def _held(
    services: Sequence[allocator.Service],
    tables: Mapping[str, allocator.ProfileTable],
    current: Sequence[allocator.Running],
    options: allocator.Options,
    short: set[str],
) -> list[allocator.Running]:
    """What runs of the services that are short and still holds their SLO, at what it admits today."""
    staying = [one for one in current if not one.leaving]
    return keepable([service for service in services if service.name in short], tables, options, staying)


def _as_placed(held: Sequence[allocator.Running], first_gpu: int) -> list[allocator.Placed]:
    """The held segments as part of a map: one GPU of it for each GPU that holds some."""
    number = {gpu: first_gpu + index for index, gpu in enumerate(dict.fromkeys(one.gpu for one in held))}
    return [allocator.Placed(number[one.gpu], one.start, one.segment) for one in held]


def _rest(
    services: Sequence[allocator.Service],
    held: Sequence[allocator.Running],
    tables: Mapping[str, allocator.ProfileTable],
    options: allocator.Options,
    planner: Planner,
) -> tuple[allocator.Placed, ...]:
    """The plan for the rates that the held segments do not cover."""
    given: dict[str, list[float]] = {}
    for one in held:
        given.setdefault(one.segment.service, []).append(one.segment.throughput)
    covered = {service.name: fsum(given.get(service.name, ())) for service in services}
    rest = [
        replace(service, rate=service.rate - covered[service.name])
        for service in services
        if not covers(covered[service.name], service.rate)
    ]
    return planner(rest, tables, options).placed
