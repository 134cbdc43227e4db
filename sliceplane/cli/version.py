"""`sliceplane version`."""

from __future__ import annotations

import click

from common.version import installed


@click.command()
def version() -> None:
    """Show the version of this command."""
    click.echo(f"sliceplane {installed()}")
