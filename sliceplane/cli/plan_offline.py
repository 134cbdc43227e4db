"""Plans from files alone, with the controller's own allocator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from controller.allocator import Plan, Service, plan_to_json
from controller.allocator.explain import explain, explanation_lines, explanation_to_json
from sliceplane.cli import maps
from sliceplane.cli.files import documents_of
from sliceplane.cli.output import print_json, print_yaml
from sliceplane.cli.plan_making import Made, Tables, make
from sliceplane.cli.plan_moves import moves_to_json, show_moves
from sliceplane.cli.plan_options import How
from sliceplane.cli.plan_tables import UNSERVABLE, segment_columns, summary
from sliceplane.cli.plan_unequal import show_unequal
from sliceplane.cli.profile_files import tables_of
from sliceplane.cli.session import bad_input
from sliceplane.cli.stock_files import stocks_of
from sliceplane.cli.suspect_rows import usable
from sliceplane.cli.tables import show_table
from sliceplane.picture import draw_map
from sliceplane.types import Workload


def show(profiles: Sequence[Path], workloads: Sequence[str], how: How, output: str) -> None:
    """Plans and prints; services that cannot be served are listed, not an error."""
    services = [_service(document.workload) for document in documents_of(workloads, any_names=True)]
    stocks = stocks_of(how.gpus) if how.gpus else []
    if len({(stock.product, stock.cost_per_hour) for stock in stocks}) > 1:
        show_unequal(profiles, services, stocks, how, output)
        return
    tables = usable(tables_of(profiles), how.suspect_rows)
    made = make(services, tables, how)
    if how.plot:
        _draw(made.plan, how.plot)
    if output == "table":
        _show_table(made, services, tables, how)
        return
    document = _document(made, services, tables, how)
    if output == "json":
        print_json(document)
    else:
        print_yaml([document])


def _document(made: Made, services: Sequence[Service], tables: Tables, how: How) -> dict[str, Any]:
    document = plan_to_json(made.plan, made.elapsed_ms)
    if made.moves:
        document |= moves_to_json(made.moves)
    if how.explain:
        document["explanation"] = explanation_to_json(explain(made.plan, services, tables, made.options))
    return document


def _draw(made: Plan, path: Path) -> None:
    title = summary(made.algorithm, made.gpus, made.lower_bound, made.gpcs, 0)
    try:
        draw_map(maps.offline_rows(made), path, title)
    except ValueError as error:
        raise bad_input(f"--plot: {error}") from error
    click.echo(f"drew {path}", err=True)


def _service(workload: Workload) -> Service:
    spec = workload.spec
    return Service(
        name=workload.name,
        model=spec.profile or spec.model,
        rate=spec.rate,
        slo_ms=spec.slo_ms,
        max_processes=spec.max_processes or None,
        priority=spec.priority,
        min_hosts=max(1, spec.min_hosts),
        memory_mb=spec.memory_mb,
        exclusive=spec.exclusive,
        revision=spec.model_digest,
    )


def _show_table(made: Made, services: Sequence[Service], tables: Tables, how: How) -> None:
    plan = made.plan
    click.echo(summary(plan.algorithm, plan.gpus, plan.lower_bound, plan.gpcs, made.elapsed_ms))
    if plan.placed:
        click.echo()
        maps.show(maps.offline_rows(plan))
        click.echo()
        show_table(segment_columns(plan), plan.placed)
    if plan.unservable:
        click.echo()
        show_table(UNSERVABLE, plan.unservable)
    if made.moves:
        click.echo()
        show_moves(made.moves)
    if how.explain:
        click.echo()
        for line in explanation_lines(explain(plan, services, tables, made.options)):
            click.echo(line)
