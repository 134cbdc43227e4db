"""From demands and pools to where every segment shall stand: the planner, then as little change as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import fsum

from controller import allocator
from controller.allocator.covering import covers
from controller.allocator.moves import replan
from controller.allocator.moves.hosts import Planner, plan_spread
from controller.model import Segment
from controller.reconcile.demand import Demand, revision_of
from controller.reconcile.fleet import Pool
from controller.reconcile.options import Options
from controller.reconcile.slots import LEAVING


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What becomes of one pool."""

    pool: Pool
    plan: allocator.Plan
    placement: allocator.Placement


def place(
    pool: Pool,
    demands: Sequence[Demand],
    tables: dict[str, allocator.ProfileTable],
    segments: Sequence[Segment],
    how: Options,
) -> PoolPlan:
    """Plans the demands on the pool that now holds `segments`: optimally, or as ParvaGPU does."""
    services = [demand.service for demand in demands]
    current = [_running(segment) for segment in segments]
    options = replace(how.planner, geometry=pool.geometry)
    if how.algorithm == allocator.PARVAGPU:
        return _little_changed(pool, services, tables, current, options, allocator.plan)
    limit = how.clock() + how.plan_s
    planner = partial(allocator.plan_optimal, expired=lambda: how.clock() >= limit)
    # The rollout makes no temporary segments.
    made = replan(services, tables, options, current, pool.gpus, planner=planner, stand_ins=False)
    if not _waits(made.placement, current):
        return PoolPlan(pool, made.plan, made.placement)
    return _little_changed(pool, services, tables, current, options, planner)


def _waits(placement: allocator.Placement, current: Sequence[allocator.Running]) -> bool:
    """Whether something is created where another still serves: it would have to go first."""
    stay = {one.id for one in current if not one.leaving}
    return any(stay.intersection(created.after) for created in placement.created)


def _little_changed(
    pool: Pool,
    services: Sequence[allocator.Service],
    tables: dict[str, allocator.ProfileTable],
    current: Sequence[allocator.Running],
    options: allocator.Options,
    planner: Planner,
) -> PoolPlan:
    """A fresh plan with as little change as possible, on free slots first, those of what leaves next.

    Where GPUs are too few, a workload that runs keeps what it has and gets what fits beside it, unless that
    would take room from a workload that could be served whole.
    """
    names = [service.name for service in services]
    hosts = {service.name: service.min_hosts for service in services if service.min_hosts > 1}
    plan = plan_spread(services, tables, options, planner)
    placement = allocator.rearrange(plan.placed, current, pool.gpus, names, min_hosts=hosts)
    held = _held(services, current, options, {shortage.service for shortage in placement.shortages})
    if held:
        wanted = (*_as_placed(held, plan.gpus), *_rest(services, held, tables, options, planner))
        careful = allocator.rearrange(wanted, current, pool.gpus, names, min_hosts=hosts)
        if _short(careful) <= _short(placement):
            placement = careful
    return PoolPlan(pool, plan, placement)


def _short(placement: allocator.Placement) -> set[str]:
    return {shortage.service for shortage in placement.shortages}


def _running(segment: Segment) -> allocator.Running:
    planned = allocator.Segment(
        service=segment.workload,
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
    current: Sequence[allocator.Running],
    options: allocator.Options,
    short: set[str],
) -> list[allocator.Running]:
    """What runs of the services that are short, and is still what they ask for."""
    by_name = {service.name: service for service in services if service.name in short}
    return [
        running
        for running in current
        if not running.leaving
        and (service := by_name.get(running.segment.service)) is not None
        and running.segment.revision == service.revision
        and running.segment.latency_ms < options.latency_share * service.slo_ms
        and running.segment.processes <= options.processes_for(service)
    ]


def _as_placed(held: Sequence[allocator.Running], first_gpu: int) -> list[allocator.Placed]:
    """The held segments as part of a map: one GPU of it for each GPU that holds some."""
    number = {gpu: first_gpu + index for index, gpu in enumerate(dict.fromkeys(running.gpu for running in held))}
    return [allocator.Placed(number[running.gpu], running.start, running.segment) for running in held]


def _rest(
    services: Sequence[allocator.Service],
    held: Sequence[allocator.Running],
    tables: dict[str, allocator.ProfileTable],
    options: allocator.Options,
    planner: Planner,
) -> tuple[allocator.Placed, ...]:
    """The plan for the rates that the held segments do not cover."""
    given: dict[str, list[float]] = {}
    for running in held:
        given.setdefault(running.segment.service, []).append(running.segment.throughput)
    covered = {service.name: fsum(given.get(service.name, ())) for service in services}
    rest = [
        replace(service, rate=service.rate - covered[service.name])
        for service in services
        if not covers(covered[service.name], service.rate)
    ]
    return planner(rest, tables, options).placed
