"""`sliceplane version`."""

from __future__ import annotations

from importlib.metadata import version as installed

import click


@click.command()
def version() -> None:
    """Show the version of this command."""
    click.echo(f"sliceplane {installed('sliceplane')}")
