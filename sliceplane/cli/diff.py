"""`sliceplane diff`: what one plan costs beside another, from their JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from controller.allocator.explain import diff as compare
from controller.allocator.explain import diff_lines
from sliceplane.cli.output import output_option, print_json, print_yaml
from sliceplane.cli.plan_fleet import outline_of
from sliceplane.documents.write import plain

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@output_option("table", "json", "yaml")
def diff(before: Path, after: Path, output: str) -> None:
    """Compare two plans that `plan -o json` printed.

    Shows GPUs and GPCs before and after, and each workload whose segments change.

    \b
    Example:
      sliceplane plan --profiles profiles/ --workloads today.yaml -o json > today.json
      sliceplane plan --profiles profiles/ --workloads tomorrow.yaml -o json > tomorrow.json
      sliceplane diff today.json tomorrow.json
    """
    found = compare(outline_of(before), outline_of(after))
    if output == "json":
        print_json(plain(asdict(found)))
    elif output == "yaml":
        print_yaml([plain(asdict(found))])
    else:
        for line in diff_lines(found):
            click.echo(line)
