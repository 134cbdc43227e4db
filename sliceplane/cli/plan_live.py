"""Plans that the live fleet would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import click

from sliceplane.cli import maps
from sliceplane.cli.columns import PLANNED_SEGMENT, SHORTFALL
from sliceplane.cli.files import documents_of
from sliceplane.cli.output import print_json, print_yaml
from sliceplane.cli.plan_tables import summary
from sliceplane.cli.tables import show_table
from sliceplane.client import Client
from sliceplane.documents.write import plain
from sliceplane.types import Gpu, Plan

ACTIONS = ("keep", "create", "remove")


def show(client: Client, files: Sequence[str], deleted: Sequence[str], output: str) -> None:
    """Asks the controller and prints its answer."""
    documents = documents_of(files) if files else []
    workloads = [replace(document.workload, etag="") for document in documents]
    made = client.preview(workloads, deleted=deleted)
    if output == "json":
        print_json(plain(asdict(made)))
    elif output == "yaml":
        print_yaml([plain(asdict(made))])
    else:
        show_plan(made, client.gpus())


def show_plan(made: Plan, gpus: Sequence[Gpu]) -> None:
    """A plan for people: its cost, the map after it, each segment, what is left out."""
    click.echo(summary(made.algorithm, made.gpus, made.lower_bound, made.gpcs, made.elapsed_ms))
    counts = [(action, sum(one.action == action for one in made.segments)) for action in ACTIONS]
    click.echo("segments: " + ", ".join(f"{action} {count}" for action, count in counts))
    if made.segments:
        click.echo()
        maps.show(maps.plan_rows(gpus, made))
        click.echo()
        show_table(PLANNED_SEGMENT, made.segments)
    if made.shortfalls:
        click.echo()
        show_table(SHORTFALL, made.shortfalls)
