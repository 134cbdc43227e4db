"""`sliceplane wait`: returns when workloads are ready, and says meanwhile what they wait for."""

from __future__ import annotations

import re
from collections.abc import Mapping

import click

from common.errors import DeadlineExceeded
from sliceplane.cli.kinds import WORKLOADS
from sliceplane.cli.session import LiveCommand, Session, bad_input, note, pass_session, refused
from sliceplane.client.workloads import waits_for
from sliceplane.types import Workload

UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")


@click.command(cls=LiveCommand)
@click.argument("names", metavar="WORKLOAD...", nargs=-1, required=True)
@click.option("--for", "state", type=click.Choice(["ready"]), default="ready", show_default=True, help="Until then.")
@click.option("--timeout", default="60s", show_default=True, metavar="TIME", help="At most so long: 90s, 2m, 500ms.")
@pass_session
def wait(session: Session, names: tuple[str, ...], state: str, timeout: str) -> None:
    """Wait until workloads are ready.

    That is, until all their planned capacity answers; exit 1 at the time-out, saying why.

    \b
    Example:
      sliceplane wait ocr-det ocr-rec --for=ready --timeout 90s
    """
    limit = seconds(timeout)
    wanted = [_bare(name) for name in names]
    try:
        session.client.wait_ready(wanted, limit, progress=_Progress())
    except DeadlineExceeded as error:
        raise refused(error.message) from error
    for name in wanted:
        click.echo(f"workload/{name} {state}")


class _Progress:
    """Says each workload's state when it changes."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def __call__(self, seen: Mapping[str, Workload]) -> None:
        for name, workload in seen.items():
            text = waits_for(workload)
            if self._said.get(name) != text and text != "ready":
                note(f"waiting for {name}: {text}")
            self._said[name] = text


def _bare(name: str) -> str:
    """The name without the kind that `-o name` puts before it."""
    kind, slash, bare = name.partition("/")
    if not slash:
        return name
    if kind not in WORKLOADS.names:
        raise bad_input(f'"{name}" is no workload: only workloads become ready')
    return bare


def seconds(text: str) -> float:
    """Seconds of "90", "90s", "2m", "500ms"; exit 2 for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise bad_input(f'--timeout: "{text}" is no time; say 90s, 2m or 500ms')
    return float(found[1]) * UNITS[found[2]]
