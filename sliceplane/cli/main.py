"""The `sliceplane` command: its verbs, and how it ends (0 done, 1 failed or refused, 2 bad input, 130 Ctrl-C)."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from common.errors import SliceplaneError
from sliceplane.cli import (
    apply,
    config,
    delete,
    describe,
    diff,
    events,
    get,
    marks,
    models,
    plan,
    profiles,
    show_map,
    version,
    wait,
    xds,
)
from sliceplane.cli.session import BAD_INPUT, REFUSED, Fault, Session, server_option
from sliceplane.client.calls import CANNOT_REACH

INTERRUPTED = 130
HELP = {"help_option_names": ["-h", "--help"]}


@click.group(name="sliceplane", context_settings=HELP)
@click.version_option(package_name="sliceplane", message="sliceplane %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Serve DNN models under latency objectives on as few GPUs as suffice.

    \b
    Examples:
      sliceplane apply -f workloads.yaml
      sliceplane wait ocr-rec --for=ready --timeout 60s
      sliceplane get workloads
      sliceplane map

    Exit codes: 0 done, 1 failed or refused by the server, 2 bad input or usage.
    """
    context.ensure_object(Session)


cli.params.append(server_option())
for command in (
    apply.apply,
    get.get,
    describe.describe,
    delete.delete,
    plan.plan,
    diff.diff,
    show_map.show_map,
    wait.wait,
    events.events,
    marks.cordon,
    marks.uncordon,
    marks.pin,
    marks.unpin,
    models.model,
    profiles.profiles,
    xds.xds_bootstrap,
    config.config,
    version.version,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command and ends the process; no fault of any kind shows a traceback."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # the core's own log lines are not for people
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × still gets its table
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    try:
        cli.main(args=None if arguments is None else list(arguments), prog_name="sliceplane", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_INPUT
    except Fault as fault:
        return _say(fault.lines, fault.code)
    except click.ClickException as error:
        return _say([_usage(error)], error.exit_code)
    except SliceplaneError as error:
        return _say([server_said(error)], REFUSED)
    except OSError as error:
        return _say([f"{error.filename}: {error.strerror}" if error.filename else str(error)], REFUSED)
    except Exception as error:
        return _unforeseen(error)
    return 0


def server_said(error: SliceplaneError) -> str:
    """The error's one line; if nobody answered, how to name another server."""
    hint = " use --server HOST:PORT for another" if error.reason == CANNOT_REACH else ""
    return " ".join(error.message.split()) + hint


def _usage(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{text} (see `{context.command_path} --help`)" if context else text


def _say(lines: Sequence[str], code: int) -> int:
    for line in lines:
        click.echo(f"error: {line}", err=True)
    return code


def _unforeseen(error: Exception) -> int:
    if os.environ.get("SLICEPLANE_DEBUG"):
        traceback.print_exception(error)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return _say([f"a fault of sliceplane itself: {text} (SLICEPLANE_DEBUG=1 shows where)"], REFUSED)
