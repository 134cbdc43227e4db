"""`sliceplane model push` and `pull`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from common.errors import InvalidArgument
from common.names import is_digest
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session, refused, stderr_console
from sliceplane.cli.tables import size


@click.group()
def model() -> None:
    """Put models into the store and take them out.

    \b
    Examples:
      sliceplane model push ocr-rec ch_PP-OCRv4_rec_infer.onnx
      sliceplane model pull ocr-rec copy.onnx
      sliceplane get models
    """


@model.command(cls=LiveCommand)
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--format", "format_", type=click.Choice(["onnx", "bundle"]), help="Else told from the content.")
@click.option("--request-id", metavar="UUID", help="A repeat with the same id is answered as the first was.")
@pass_session
def push(session: Session, name: str, file: Path, format_: str | None, request_id: str | None) -> None:
    """Upload FILE as the newest version of model NAME; the same bytes again change nothing."""
    with _bar(f"pushing {name}") as progress:
        try:
            pushed = session.client.push_model(
                name, file, format=format_ or "", request_id=request_id, progress=progress
            )
        except InvalidArgument as error:
            if any(violation.field in ("name", "file") for violation in error.violations):
                raise bad_input(error.message) from error
            said = [violation.description for violation in error.violations] or [error.message]
            raise refused(*(f"{file}: {one}" for one in said)) from error
    outcome = "unchanged" if pushed.already_existed else "pushed"
    click.echo(f"model/{name} {outcome} {pushed.model.digest} ({size(file.stat().st_size)})")


@model.command(cls=LiveCommand)
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--digest", default="", metavar="sha256:…", help="This version.  [default: the newest]")
@pass_session
def pull(session: Session, name: str, file: Path, digest: str) -> None:
    """Download model NAME to FILE; it appears whole and verified or not at all."""
    if digest and not is_digest(digest):
        raise bad_input(f'--digest: "{digest}" is not "sha256:" and 64 lower-case hex digits')
    if not file.absolute().parent.is_dir():
        raise bad_input(f"{file}: there is no folder {file.parent}")
    with _bar(f"pulling {name}") as progress:
        found = session.client.pull_model(file, name=name, digest=digest, progress=progress)
    click.echo(f"model/{name} {found} written to {file} ({size(file.stat().st_size)})")


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal's standard error; nothing in a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=stderr_console(), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)
