"""Makes an offline plan: the planner with its switches, the fleet there is, what runs on it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import click

from controller.allocator import PARVAGPU, Options, Plan, ProfileTable, Service, plan_optimal
from controller.allocator import plan as parvagpu
from controller.allocator.moves import Replanned, replan
from controller.allocator.moves.hosts import plan_spread
from controller.allocator.optimal_triplet_decision import widened
from controller.allocator.sharing import Planner, plan_shared
from sliceplane.cli.plan_fleet import endless_fleet, fleet_of, geometry_for, outline_of, running_of
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
    if how.share_segments and how.current:
        raise bad_input("--current and --share-segments: shared segments are not re-planned yet: leave one out")
    began = time.perf_counter()
    if how.current:
        moves = _moved(services, tables, options, how)
        return Made(moves.plan, options, moves, _since(began))
    spread = any(service.min_hosts > 1 for service in services)
    if how.gpus and spread and not how.share_segments:
        placed = _onto(services, tables, options, how)
        return Made(placed.plan, options, None, _since(began))
    if how.gpus:
        gpus = [gpu for gpu in fleet_of(how.gpus) if not gpu.cordoned]
        if not gpus:
            raise bad_input(f"{how.gpus}: every GPU is cordoned: there is nothing to plan on")
        options = replace(options, max_gpus=len(gpus), geometry=geometry_for(gpus))
    if spread:
        click.echo("replicas.min_hosts: hosts are not known, so only the number of segments is kept to", err=True)
    planner = planner_of(how)
    if how.share_segments:
        made = plan_shared(services, tables, options, planner)
    else:
        options = widened(options, services)
        made = plan_spread(services, tables, options, planner)
    return Made(made, options, None, _since(began))


def _onto(services: Sequence[Service], tables: Tables, options: Options, how: How) -> Replanned:
    """Onto the empty fleet of `--gpus`, whose hosts are known."""
    assert how.gpus is not None, "only called with a fleet"
    gpus = fleet_of(how.gpus)
    options = replace(options, geometry=geometry_for(gpus))
    return replan(services, tables, options, [], gpus, planner=planner_of(how))


def planner_of(how: How) -> Planner:
    """The algorithm; what only ParvaGPU's can do chooses it."""
    if how.algorithm == PARVAGPU:
        return parvagpu
    if how.no_optimization:
        raise bad_input("--no-optimization is a switch of ParvaGPU's stages: say --algorithm parvagpu too")
    limit = time.monotonic() + how.time_limit
    return partial(plan_optimal, expired=lambda: time.monotonic() >= limit)


def _moved(services: Sequence[Service], tables: Tables, options: Options, how: How) -> Replanned:
    assert how.current is not None, "only called with what runs"
    outline = outline_of(how.current)
    planner = planner_of(how)
    if how.gpus:
        gpus = fleet_of(how.gpus)
        options = replace(options, geometry=geometry_for(gpus))
    else:
        gpus = endless_fleet(outline, planner(services, tables, options).gpus)
    current = running_of(how.current, outline, services, tables)
    return replan(services, tables, options, current, gpus, planner=planner, move_price=how.move_price)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
