"""`sliceplane delete`: removes resources by name or by file; all of them are checked before the first goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from common.errors import FailedPrecondition, NotFound
from sliceplane.cli.files import documents_of, files_option
from sliceplane.cli.kinds import ALL, WORKLOADS, Kind, targets
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session, refused
from sliceplane.client import Client


@click.command(cls=LiveCommand)
@click.argument("kind_word", metavar="[KIND]", required=False)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@files_option("Delete the workloads that these files name.", required=False)
@click.option("--ignore-not-found", is_flag=True, help="What is gone already is no error.")
@pass_session
def delete(
    session: Session, kind_word: str | None, names: tuple[str, ...], files: tuple[str, ...], ignore_not_found: bool
) -> None:
    """Remove workloads and other resources.

    Models, profiles, and nodes or devices that are gone for good can be removed too.

    \b
    Examples:
      sliceplane delete workload ocr-rec
      sliceplane delete -f workloads.yaml --ignore-not-found
      sliceplane delete node sim-a
    """
    kind, wanted = _chosen(kind_word, names, files)
    if kind.delete is None:
        able = ", ".join(one.names[1] for one in ALL if one.delete)
        raise bad_input(f"{kind.names[1]} cannot be deleted; {able} can")
    _check(session.client, kind, wanted, ignore_not_found)
    for name in wanted:
        kind.delete(session.client, name, ignore_not_found, False)
        click.echo(f"{kind.singular}/{name} deleted")


def _chosen(kind_word: str | None, names: Sequence[str], files: Sequence[str]) -> tuple[Kind[Any], list[str]]:
    if files and kind_word:
        raise bad_input("give KIND NAME or -f FILE, not both")
    if files:
        return WORKLOADS, [document.workload.name for document in documents_of(files)]
    if not kind_word:
        raise bad_input("give KIND NAME or -f FILE (see `sliceplane delete --help`)")
    kind, wanted = targets(kind_word, names)
    if not wanted:
        raise bad_input(f"give the name of a {kind.singular}")
    return kind, list(dict.fromkeys(wanted))


def _check(client: Client, kind: Kind[Any], names: Sequence[str], ignore_not_found: bool) -> None:
    """Exit 1 with a line for each that cannot go."""
    lines = []
    for name in names:
        try:
            if kind.delete:
                kind.delete(client, name, ignore_not_found, True)
        except (NotFound, FailedPrecondition) as error:
            lines.append(error.message)
    if lines:
        raise refused(*lines)
