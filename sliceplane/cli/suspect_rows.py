"""`--suspect-rows`: which measurements that look wrong an offline plan leaves out, said on stderr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from controller.allocator import ProfileFiles, ProfileTable
from controller.allocator.suspect import Key, Suspect, detect, drop_keys, parse_keys
from sliceplane.cli.profile_files import text_of
from sliceplane.cli.session import bad_input

KEEP, DROP = "keep", "drop"
SHOWN = 3

Tables = Mapping[str, ProfileTable]


def usable(tables: Tables, choice: str) -> Tables:
    """The tables to plan with; exit 2 where the choice is a file that cannot be used."""
    if choice in (KEEP, DROP):
        found = _detected(tables)
        if found:
            _say(found, choice)
        return tables if choice == KEEP else drop_keys(tables, found.keys())
    keys = _read(Path(choice))
    left = drop_keys(tables, keys)
    gone = sum(len(tables[model].points) - len(left[model].points) for model in tables)
    click.echo(f"{choice}: dropped {gone} profile rows of the {len(keys)} that it names", err=True)
    return left


def suspects(parsed: ProfileFiles) -> Iterator[str]:
    """A line each, with file, line, model, size, batch and processes."""
    for key, one in _detected(parsed.tables).items():
        model, size, batch, processes = key
        yield f"{parsed.places[key]}: {model} {size}g, batch {batch}, processes {processes}: suspect: {one.why}"


def _detected(tables: Tables) -> dict[Key, Suspect]:
    return {
        (model, one.point.size, one.point.batch, one.point.processes): one
        for model, table in tables.items()
        for one in detect(table)
    }


def _read(path: Path) -> set[Key]:
    if not path.is_file():
        raise bad_input(f"--suspect-rows must be {KEEP}, {DROP} or a CSV file: there is no file {path}")
    keys, problems = parse_keys(str(path), text_of(path))
    if problems:
        raise bad_input(*problems)
    return set(keys)


def _say(found: Mapping[Key, Suspect], choice: str) -> None:
    """What was found and what becomes of it, the first few rows named."""
    done, other = ("kept", DROP) if choice == KEEP else ("dropped", KEEP)
    rows = f"{len(found)} suspect profile row{'' if len(found) == 1 else 's'}"
    click.echo(f"{rows} {done} (--suspect-rows {other} does otherwise):", err=True)
    for (model, size, batch, processes), one in list(found.items())[:SHOWN]:
        click.echo(f"  {model} {size}g, batch {batch}, processes {processes}: {one.why}", err=True)
    if len(found) > SHOWN:
        click.echo(f"  and {len(found) - SHOWN} more", err=True)
