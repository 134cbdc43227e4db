"""`sliceplane events`: what happened, and what happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from sliceplane.cli.columns import EVENT
from sliceplane.cli.kinds import EVENTS, named
from sliceplane.cli.output import output_option, print_json, print_json_line
from sliceplane.cli.session import LiveCommand, Session, note, pass_session
from sliceplane.cli.tables import Column, Table
from sliceplane.types import Event


@click.command(cls=LiveCommand)
@click.option("-w", "--watch", is_flag=True, help="Go on with each new event, until Ctrl-C.")
@click.option("--for", "subject", metavar="[KIND/]NAME", default="", help="Only those of this resource.")
@click.option("-n", "--last", type=click.IntRange(0), default=50, show_default=True, help="How many past ones; 0: all.")
@output_option("table", "wide", "json")
@pass_session
def events(session: Session, watch: bool, subject: str, last: int, output: str) -> None:
    """Show what happened, oldest first.

    \b
    Examples:
      sliceplane events --for workload/ocr-rec
      sliceplane events --watch
    """
    kind, name = _subject(subject)
    past = session.client.events(subject_kind=kind, subject=name)
    shown = past[-last:] if last else past
    if not watch and output == "json":
        print_json([EVENTS.document(event) for event in shown])
        return
    if not (shown or watch):
        note("no events")
        return
    printer = _Printer(output)
    printer.show(shown)
    if watch:
        revision = past[-1].revision if past else 0
        for event in _of_kind(session.client.watch_events(name, resume_revision=revision), kind):
            printer.show([event])


class _Printer:
    """Rows of one table, or one line of JSON each."""

    def __init__(self, output: str) -> None:
        self._json = output == "json"
        columns: list[Column[Event]] = [one for one in EVENT if output == "wide" or not one.wide]
        self._table = Table(columns)

    def show(self, found: Iterable[Event]) -> None:
        found = list(found)
        if not self._json:
            self._table.show(found)
            return
        for event in found:
            print_json_line(EVENTS.document(event))


def _subject(text: str) -> tuple[str, str]:
    """Kind and name of "workload/x"; of "x" any kind."""
    kind, slash, name = text.partition("/")
    return (named(kind).singular, name) if slash else ("", text)


def _of_kind(stream: Iterator[Event], kind: str) -> Iterator[Event]:
    return (event for event in stream if kind in ("", event.subject_kind))
