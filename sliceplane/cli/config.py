"""`sliceplane config`: names for servers, and which of them is meant."""

from __future__ import annotations

from dataclasses import replace

import click

from common.errors import NotFound, SliceplaneError
from sliceplane import contexts
from sliceplane.cli.session import Session, bad_input, checked_server, pass_session
from sliceplane.cli.tables import Column, show_table
from sliceplane.contexts import Contexts


@click.group()
def config() -> None:
    """Name servers and choose the current one.

    --server wins over SLICEPLANE_SERVER, that over the current context, that over 127.0.0.1:7070.

    \b
    Examples:
      sliceplane config set-context plant --server 10.0.0.5:7070
      sliceplane config use-context plant
      sliceplane config get-contexts
    """


@config.command("set-context")
@click.argument("name")
@click.option("--server", required=True, metavar="HOST:PORT", help="The controller of this context.")
@pass_session
def set_context(session: Session, name: str, server: str) -> None:
    """Name a server, or give a name another one. The first becomes the current one."""
    after = _load(session).with_context(name, checked_server(server))
    contexts.save(session.contexts_path, after)
    click.echo(f"context/{name} set" + (" (current)" if after.current == name else ""))


@config.command("use-context")
@click.argument("name")
@pass_session
def use_context(session: Session, name: str) -> None:
    """Make a context the current one."""
    try:
        after = _load(session).using(name)
    except NotFound as error:
        raise bad_input(error.message) from error
    contexts.save(session.contexts_path, after)
    click.echo(f"context/{name} is current")


@config.command("delete-context")
@click.argument("name")
@pass_session
def delete_context(session: Session, name: str) -> None:
    """Forget a context."""
    before = _load(session)
    if name not in before.servers:
        raise bad_input(f'there is no context "{name}"')
    kept = {key: server for key, server in before.servers.items() if key != name}
    current = "" if before.current == name else before.current
    contexts.save(session.contexts_path, replace(before, current=current, servers=kept))
    click.echo(f"context/{name} deleted")


@config.command("get-contexts")
@pass_session
def get_contexts(session: Session) -> None:
    """Show the contexts; * marks the current one."""
    known = _load(session)
    columns: tuple[Column[tuple[str, str]], ...] = (
        Column("CURRENT", lambda one: "*" if one[0] == known.current else ""),
        Column("NAME", lambda one: one[0]),
        Column("SERVER", lambda one: one[1]),
    )
    show_table(columns, sorted(known.servers.items()))


def _load(session: Session) -> Contexts:
    try:
        return contexts.load(session.contexts_path)
    except SliceplaneError as error:
        raise bad_input(error.message) from error
