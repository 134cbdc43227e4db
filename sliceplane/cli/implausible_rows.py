"""Measurements that can hardly be so, said on stderr: never a reason to stop."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from controller.allocator import ProfileFiles
from controller.allocator.plausible import implausible

SHOWN = 3


def warn(parsed: ProfileFiles) -> None:
    """How many there are, and the first few."""
    found = list(findings(parsed))
    if not found:
        return
    rows = "1 profile row looks" if len(found) == 1 else f"{len(found)} profile rows look"
    everything = " (`sliceplane profiles check` lists all)" if len(found) > SHOWN else ""
    click.echo(f"{rows} implausible and {'is' if len(found) == 1 else 'are'} used as measured{everything}:", err=True)
    for line in islice(found, SHOWN):
        click.echo(f"  {line}", err=True)


def findings(parsed: ProfileFiles) -> Iterator[str]:
    """A line each, with file, line, model, size, batch and processes."""
    for model, table in parsed.tables.items():
        for one in implausible(table):
            point = one.point
            place = parsed.places[model, point.size, point.batch, point.processes]
            yield f"{place}: {model} {point.size}g, batch {point.batch}, processes {point.processes}: {one.what}"
