"""Makes an offline plan: the planner with its switches, the fleet there is, what runs on it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import click

from controller.allocator import PARVAGPU, Gpu, Options, Plan, ProfileTable, Running, Service, plan_optimal
from controller.allocator import plan as parvagpu
from controller.allocator.moves import Replanned, replan
from controller.allocator.moves.hosts import plan_spread
from controller.allocator.optimal_triplet_decision import widened
from controller.allocator.sharing import Planner, plan_shared
from sliceplane.cli.plan_fleet import endless_fleet, fleet_of, geometry_for, running_of
from sliceplane.cli.plan_options import How
from sliceplane.cli.session import bad_input

Tables = Mapping[str, ProfileTable]


@dataclass(frozen=True, slots=True)
class Made:
    """The plan; with `--current` how to get there."""

    plan: Plan
    options: Options
    moves: Replanned | None
    elapsed_ms: float


def make(services: Sequence[Service], tables: Tables, how: How) -> Made:
    """Exit 2 where switches do not go together or a file cannot be used."""
    options = how.options
    began = time.perf_counter()
    if how.current:
        moves, options = _moved(services, tables, options, how)
        return Made(moves.plan, options, moves, _since(began))
    spread = any(service.min_hosts > 1 for service in services)
    if how.gpus and spread:
        placed = _onto(services, tables, options, how)
        return Made(placed.plan, options, None, _since(began))
    if how.gpus:
        gpus = [gpu for gpu in fleet_of(how.gpus) if not gpu.cordoned]
        if not gpus:
            raise bad_input(f"{how.gpus}: every GPU is cordoned: there is nothing to plan on")
        options = replace(options, max_gpus=len(gpus), geometry=geometry_for(gpus))
    if spread:
        click.echo("replicas.min_hosts: hosts are not known, so only the number of segments is kept to", err=True)
    options = widened(options, services)
    made = plan_spread(services, tables, options, _planner(how))
    return Made(made, options, None, _since(began))


def _onto(services: Sequence[Service], tables: Tables, options: Options, how: How) -> Replanned:
    """Onto the empty fleet of `--gpus`, whose hosts are known."""
    assert how.gpus is not None, "only called with a fleet"
    gpus = fleet_of(how.gpus)
    options = widened(replace(options, geometry=geometry_for(gpus)), services)
    return replan(services, tables, options, [], _of_geometry(gpus, options), planner=_planner(how))


def _of_geometry(gpus: Sequence[Gpu], options: Options) -> list[Gpu]:
    """The GPUs with the sizes that are planned with."""
    return [replace(gpu, geometry=options.geometry) for gpu in gpus]


def _planner(how: How) -> Planner:
    """The algorithm, or with `--share-segments` the one that shares by it."""
    if not how.share_segments:
        return planner_of(how)
    half = time.monotonic() + how.time_limit / 2  # the rest is the planner's
    return partial(plan_shared, planner=planner_of(how), expired=lambda: time.monotonic() >= half)


def planner_of(how: How) -> Planner:
    """The algorithm; what only ParvaGPU's can do chooses it."""
    if how.algorithm == PARVAGPU:
        return parvagpu
    if how.no_optimization:
        raise bad_input("--no-optimization is a switch of ParvaGPU's stages: say --algorithm parvagpu too")
    limit = time.monotonic() + how.time_limit
    return partial(plan_optimal, expired=lambda: time.monotonic() >= limit)


def _moved(services: Sequence[Service], tables: Tables, options: Options, how: How) -> tuple[Replanned, Options]:
    assert how.current is not None, "only called with what runs"
    fleet = fleet_of(how.gpus) if how.gpus else None
    if fleet:
        options = replace(options, geometry=geometry_for(fleet))
    current = running_of(how.current, services, options.geometry)
    options = _widened(options, services, current)
    planner = _planner(how)
    gpus = fleet or endless_fleet(current, planner(services, tables, options).gpus)
    gpus = _of_geometry(gpus, options)
    return replan(services, tables, options, current, gpus, planner=planner, move_price=how.move_price), options


def _widened(options: Options, services: Sequence[Service], current: Sequence[Running]) -> Options:
    """With wide instances where services need them, or where some run."""
    if any(one.segment.size not in options.geometry.sizes for one in current):
        return replace(options, geometry=replace(options.geometry, with_wide=True))
    return widened(options, services)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
