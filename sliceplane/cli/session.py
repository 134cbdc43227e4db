"""What every command shares: which server, the client, the console, and how a fault is said."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from common.errors import SliceplaneError
from sliceplane import contexts
from sliceplane.client import DEFAULT_SERVER, Client, Limits

BAD_INPUT, REFUSED = 2, 1
PATIENCE_S = 3.0  # a person waits at the prompt
PIPED_WIDTH = 100
UNBOUNDED = 1_000_000  # cells; a pipe has no edge to wrap or cut at


class Fault(click.ClickException):
    """Lines for stderr and an exit code: 1 failed or refused by the server, 2 bad input."""

    def __init__(self, lines: Iterable[object], exit_code: int) -> None:
        self.lines = [str(line) for line in lines]
        super().__init__("\n".join(self.lines))
        self.code = exit_code


def bad_input(*lines: object) -> Fault:
    """The user's input is wrong: exit 2."""
    return Fault(lines, BAD_INPUT)


def refused(*lines: object) -> Fault:
    """It failed, or the server refused it: exit 1."""
    return Fault(lines, REFUSED)


@dataclass(slots=True)
class Session:
    """One run of the command."""

    server_flag: str | None = None
    _client: Client | None = field(default=None)

    @property
    def contexts_path(self) -> Path:
        """Where contexts are kept."""
        return contexts.default_path(os.environ)

    @property
    def server(self) -> str:
        """--server, else SLICEPLANE_SERVER, else the current context, else the default."""
        given = self.server_flag or os.environ.get("SLICEPLANE_SERVER")
        if given:
            return checked_server(given)
        try:
            return contexts.load(self.contexts_path).server or DEFAULT_SERVER
        except SliceplaneError as error:
            raise bad_input(error.message) from error

    @property
    def client(self) -> Client:
        """The client, connected at its first call and closed when the command ends."""
        if self._client is None:
            self._client = Client(self.server, limits=Limits(patience_s=PATIENCE_S))
            click.get_current_context().call_on_close(self._client.close)
        return self._client


def checked_server(server: str) -> str:
    """The server if it reads host:port; exit 2 if not."""
    try:
        return contexts.check_server(server)
    except SliceplaneError as error:
        raise bad_input(error.message) from error


def console() -> Console:
    """Standard output: coloured and as wide as the terminal, or plain and unbounded in a pipe."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Standard error, likewise."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


def drawing_width() -> int:
    """Cells across which a picture is drawn: the terminal's; in a pipe COLUMNS, or 100."""
    if sys.stdout.isatty():
        return console().width
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) else PIPED_WIDTH


def note(text: str) -> None:
    """A line for the person, beside the output proper."""
    click.echo(text, err=True)


def _set_server(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).server_flag = value


def server_option() -> click.Option:
    """--server; after the verb it wins over the one before it."""
    return click.Option(
        ["--server"],
        metavar="HOST:PORT",
        expose_value=False,
        callback=_set_server,
        help="The controller.  [env: SLICEPLANE_SERVER; default: the current context, or 127.0.0.1:7070]",
    )


class LiveCommand(click.Command):
    """A command that talks to the controller: it takes --server too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(server_option())


pass_session = click.make_pass_decorator(Session, ensure=True)
