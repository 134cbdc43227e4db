"""`sliceplane profiles import`: measurements from files to the controller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from common.errors import InvalidArgument
from common.names import name_violation
from controller.allocator import ProfileTable
from sliceplane.cli.implausible_rows import findings
from sliceplane.cli.profile_files import parsed_of, tables_of
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session, refused
from sliceplane.cli.suspect_rows import suspects
from sliceplane.client import Client
from sliceplane.types import Point, Profile


@click.group()
def profiles() -> None:
    """Give the planner measurements of models.

    \b
    Examples:
      sliceplane profiles import parvagpu/profiles/
      sliceplane profiles import measured.csv --name ocr-rec
      sliceplane profiles check parvagpu/profiles/
    """


@profiles.command()
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(paths: tuple[Path, ...]) -> None:
    """List what is implausible in profile files, and what looks like a crashed process.

    Needs no server. Exit 2 where a file cannot be read as a profile; findings are no error.
    """
    parsed = parsed_of(paths)
    lines = [*findings(parsed), *suspects(parsed)]
    for line in lines:
        click.echo(line)
    points = sum(len(table.points) for table in parsed.tables.values())
    click.echo(f"findings: {len(lines)}; points read: {points}; models: {', '.join(parsed.tables)}", err=True)


@profiles.command("import", cls=LiveCommand)
@click.argument("paths", metavar="DIR|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", help="Store the one profile in the files under this name.  [default: its model's]")
@click.option("--gpu-product", default="", metavar="PRODUCT", help="Kind of GPU that it was measured on.")
@click.option("--dry-run", is_flag=True, help="Check only; store nothing.")
@pass_session
def import_(session: Session, paths: tuple[Path, ...], name: str | None, gpu_product: str, dry_run: bool) -> None:
    """Import ParvaGPU's CSV folders or our own CSV; one profile per model.

    All files are checked, here and by the server, before the first profile is stored.
    """
    found = [_profile(model, table, gpu_product, paths) for model, table in _named(tables_of(paths), name).items()]
    _check(session.client, found)
    for profile in found:
        stored = profile if dry_run else session.client.import_profile(profile)
        count = stored.point_count or len(profile.points)
        click.echo(f"profile/{profile.name} {'checked' if dry_run else 'imported'} ({count} points)")


def _named(tables: Mapping[str, ProfileTable], name: str | None) -> Mapping[str, ProfileTable]:
    if name is not None:
        if len(tables) != 1:
            raise bad_input(f"--name: the files hold {len(tables)} profiles: {', '.join(tables)}; give one at a time")
        tables = {name: next(iter(tables.values()))}
    violations = [violation for one in tables if (violation := name_violation("name", one))]
    if violations:
        hint = "; rename the model or say --name"
        raise bad_input(*(f"profile name {violation.description}{hint}" for violation in violations))
    return tables


def _profile(name: str, table: ProfileTable, gpu_product: str, paths: tuple[Path, ...]) -> Profile:
    points = tuple(Point(p.size, p.batch, p.processes, p.throughput, p.latency_ms) for p in table.points)
    source = ", ".join(path.name or str(path) for path in paths)
    return Profile(name=name, points=points, gpu_product=gpu_product, source=source)


def _check(client: Client, found: list[Profile]) -> None:
    lines = []
    for profile in found:
        try:
            client.import_profile(profile, validate_only=True)
        except InvalidArgument as error:
            said = [f"{one.field}: {one.description}" for one in error.violations] or [error.message]
            lines += [f"profile {profile.name}: {what}" for what in said]
    if lines:
        raise refused(*lines)
