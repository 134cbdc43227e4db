"""Offline plans over GPUs of several products: the cheapest per hour."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from controller.allocator import Service
from controller.allocator.unequal import FleetPlan, Stock, fleet_plan_to_json, plan_unequal
from sliceplane.cli import maps
from sliceplane.cli.output import print_json, print_yaml
from sliceplane.cli.plan_making import planner_of
from sliceplane.cli.plan_options import How
from sliceplane.cli.plan_tables import UNSERVABLE, segment_columns, summary
from sliceplane.cli.session import bad_input
from sliceplane.cli.stock_files import tables_by_product
from sliceplane.cli.suspect_rows import usable
from sliceplane.cli.tables import number, show_table


def show_unequal(
    profiles: Sequence[Path], services: Sequence[Service], stocks: Sequence[Stock], how: How, output: str
) -> None:
    """Plans and prints; exit 2 for switches that plans over several products do not know."""
    for flag in ("share_segments", "current", "explain", "plot"):
        if getattr(how, flag):
            raise bad_input(f"--{flag.replace('_', '-')} plans on one product at a time: give --gpus of one product")
    spread = [service.name for service in services if service.min_hosts > 1]
    if spread:
        what = "plans over several products do not spread over hosts: give --gpus of one product to keep to it"
        click.echo(f"replicas.min_hosts of {', '.join(spread)}: {what}", err=True)
    tables = {product: usable(found, how.suspect_rows) for product, found in tables_by_product(profiles).items()}
    began = time.perf_counter()
    made = plan_unequal(services, tables, stocks, how.options, planner_of(how))
    elapsed_ms = (time.perf_counter() - began) * 1000
    if output == "table":
        _show(made, elapsed_ms)
    elif output == "json":
        print_json(fleet_plan_to_json(made, elapsed_ms))
    else:
        print_yaml([fleet_plan_to_json(made, elapsed_ms)])


def _show(made: FleetPlan, elapsed_ms: float) -> None:
    bound = f"no plan costs less than {number(made.cost_lower_bound)}"
    proof = "proven to be the cheapest" if made.proven_optimal else bound
    click.echo(f"{number(made.cost_per_hour)} per hour ({proof}), {made.gpus} GPUs, {number(elapsed_ms)} ms")
    for part in made.parts:
        if part.plan.placed:
            click.echo()
            said = summary(part.stock.product, part.plan.gpus, part.plan.lower_bound, part.plan.gpcs, 0)
            click.echo(f"{said}, {number(part.cost_per_hour)} per hour")
            maps.show(maps.offline_rows(part.plan))
            click.echo()
            show_table(segment_columns(part.plan), part.plan.placed)
    if made.unservable:
        click.echo()
        show_table(UNSERVABLE, made.unservable)
