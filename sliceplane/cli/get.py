"""`sliceplane get`: lists and single resources in every format, once or as they change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from sliceplane.cli.kinds import Kind, targets
from sliceplane.cli.output import FORMATS, output_option, print_json, print_json_line, print_yaml, yaml_text
from sliceplane.cli.session import LiveCommand, Session, note, pass_session
from sliceplane.cli.tables import Column, Table
from sliceplane.client import Client
from sliceplane.types import Change

POLL_S = 1.0


@click.command(cls=LiveCommand)
@click.argument("kind_word", metavar="KIND")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@output_option(*FORMATS)
@click.option("-w", "--watch", is_flag=True, help="Go on with each change, until Ctrl-C.")
@pass_session
def get(session: Session, kind_word: str, names: tuple[str, ...], output: str, watch: bool) -> None:
    """List resources of a kind.

    Kinds are workloads, models, profiles, nodes, gpus, segments, devices, plans and events; they
    may be singular, plural or short (wl, mo, pr, no, seg, dev, ev). A workload as YAML may be
    changed and applied again; its etag guards against lost updates.

    \b
    Examples:
      sliceplane get workloads
      sliceplane get wl ocr-rec -o yaml
      sliceplane get segments --watch
      sliceplane get gpu sim-a/0 -o json
    """
    kind, wanted = targets(kind_word, names)
    if watch:
        _follow(session.client, kind, wanted, output)
        return
    found = [kind.read(session.client, name) for name in wanted] if wanted else kind.list(session.client)
    _show(kind, found, output, single=len(wanted) == 1)


def _show(kind: Kind[Any], found: Sequence[Any], output: str, *, single: bool) -> None:
    if output == "json":
        documents = [kind.document(one) for one in found]
        print_json(documents[0] if single else documents)
    elif output == "yaml":
        print_yaml([kind.document(one) for one in found])
    elif output == "name":
        for one in found:
            click.echo(f"{kind.singular}/{kind.name(one)}")
    elif found:
        Table(_columns(kind, output)).show(found)
    else:
        note(f"no {kind.names[1]}")


def _columns(kind: Kind[Any], output: str) -> list[Column[Any]]:
    return [column for column in kind.columns if output == "wide" or not column.wide]


def _follow(client: Client, kind: Kind[Any], wanted: Sequence[str], output: str) -> None:
    """Prints what is there as one table, then a row for each change."""
    table = Table(_columns(kind, output))
    names = {kind.name(kind.read(client, name)) for name in wanted}
    listing: list[Any] | None = []
    for change in kind.watch(client) if kind.watch else _polled(client, kind):
        if change.type == "bookmark":
            if listing and output in ("table", "wide"):
                table.show(listing)
            listing = None
        elif change.value is not None and (not names or kind.name(change.value) in names):
            if listing is not None and output in ("table", "wide"):
                listing.append(change.value)
            else:
                _show_change(kind, change, output, table)


def _show_change(kind: Kind[Any], change: Change[Any], output: str, table: Table[Any]) -> None:
    value = change.value
    gone = change.type == "deleted"
    if output == "json":
        print_json_line({"type": change.type, kind.singular: kind.document(value)})
    elif output == "yaml":
        click.echo(("# deleted\n" if gone else "") + yaml_text(kind.document(value)) + "---")
    elif output == "name" or gone:
        click.echo(f"{kind.singular}/{kind.name(value)}" + (" deleted" if gone else ""))
    else:
        table.show([value])


def _polled(client: Client, kind: Kind[Any]) -> Iterator[Change[Any]]:
    """A watch of what the API has no stream of: lists each second and tells the differences."""
    known: dict[str, Any] = {}
    first = True
    while True:
        now = {kind.name(one): one for one in kind.list(client)}
        for name, one in now.items():
            if known.get(name) != one:
                yield Change("updated", one, 0)
        for name in known.keys() - now.keys():
            yield Change("deleted", known[name], 0)
        if first:
            yield Change("bookmark", None, 0)
        known, first = now, False
        time.sleep(POLL_S)
