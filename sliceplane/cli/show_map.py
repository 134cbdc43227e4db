"""`sliceplane map`: the GPUs of the fleet, drawn."""

from __future__ import annotations

import time

import click

from sliceplane.cli.maps import fleet_rows, show
from sliceplane.cli.session import LiveCommand, Session, pass_session

REDRAW_S = 1.0


@click.command("map", cls=LiveCommand)
@click.option("--node", default="", help="Only this host's.")
@click.option("-w", "--watch", is_flag=True, help="Draw it anew at each change, until Ctrl-C.")
@pass_session
def show_map(session: Session, node: str, watch: bool) -> None:
    """Draw the GPUs and what runs on them.

    A row per GPU, a cell per slice, a letter and a colour per workload."""
    client = session.client
    rows = fleet_rows(client.gpus(node=node), client.segments(node=node))
    show(rows)
    while watch:
        time.sleep(REDRAW_S)
        now = fleet_rows(client.gpus(node=node), client.segments(node=node))
        if now != rows:
            rows = now
            click.echo()
            show(rows)
