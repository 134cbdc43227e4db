"""`sliceplane apply`: workloads from files to the controller, all of them checked before the first is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

import click

from common.errors import Conflict, InvalidArgument, NotFound, SliceplaneError, Unavailable
from sliceplane.cli.files import documents_of, files_option
from sliceplane.cli.session import LiveCommand, Session, bad_input, note, pass_session, refused
from sliceplane.client import Client
from sliceplane.documents import Document
from sliceplane.types import Applied


@click.command(cls=LiveCommand)
@files_option("Where the workloads are; repeat for more. A folder: its .yaml, .yml and .json files.", required=True)
@click.option("--dry-run", is_flag=True, help="Check, and show what would be planned; store nothing.")
@click.option("--request-id", metavar="UUID", help="A repeat with the same id is answered as the first was.")
@pass_session
def apply(session: Session, files: tuple[str, ...], dry_run: bool, request_id: str | None) -> None:
    """Create workloads or change them to what the files say.

    All documents are checked, here and by the server, before the first one is stored. Files hold
    full documents, one or many, or a list of {name, model, slo_ms, rate}.

    \b
    Examples:
      sliceplane apply -f workloads.yaml
      sliceplane apply -f workloads/ --dry-run
      sliceplane get workload ocr-rec -o yaml | sed 's/rate: .*/rate: 80/' | sliceplane apply -f -
    """
    documents = documents_of(files)
    ids = _request_ids(documents, request_id)
    client = session.client
    if dry_run or len(documents) > 1:
        checked = _check(client, documents, with_etags=request_id is None)
        if dry_run:
            _show_dry_run(client, documents, checked)
            return
    for document, its_id in zip(documents, ids, strict=True):
        applied = _send(client, document, its_id)
        click.echo(f"workload/{applied.workload.name} {applied.outcome}")
    _warn(client, documents, applied=True)


def _request_ids(documents: Sequence[Document], given: str | None) -> list[str | None]:
    """One id per document: the given one, or derived from it where there are several."""
    if given is None:
        return [None] * len(documents)
    try:
        base = UUID(given)
    except ValueError as error:
        raise bad_input(f'--request-id: "{given}" is no UUID; `uuidgen` makes one') from error
    if len(documents) == 1:
        return [str(base)]
    return [str(uuid5(base, document.workload.name)) for document in documents]


def _check(client: Client, documents: Sequence[Document], *, with_etags: bool) -> list[Applied]:
    """What the server would do; exit 1 with a line for each document that it would refuse.

    Where the caller names a request id this may be a repeat, whose etags are stale by its own first run.
    """
    checked, lines = [], []
    for document in documents:
        workload = document.workload if with_etags else replace(document.workload, etag="")
        try:
            checked.append(client.apply(workload, validate_only=True))
        except (InvalidArgument, NotFound, Conflict) as error:
            lines += _lines(document, error)
    if lines:
        raise refused(*lines)
    return checked


def _send(client: Client, document: Document, request_id: str | None) -> Applied:
    try:
        return client.apply(document.workload, request_id=request_id)
    except Unavailable:
        raise
    except SliceplaneError as error:
        raise refused(*_lines(document, error)) from error


def _lines(document: Document, error: SliceplaneError) -> list[str]:
    """The server's refusal at the place in the file that it speaks of."""
    name = document.workload.name
    if isinstance(error, InvalidArgument) and error.violations:
        fields = [(one.field.removeprefix("workload."), one.description) for one in error.violations]
        return [f"{document.place(field)}: workload {name}: {field}: {what}" for field, what in fields]
    field = "spec.model" if isinstance(error, NotFound) else "etag" if isinstance(error, Conflict) else ""
    said = " ".join(error.message.split())
    return [f"{document.place(field)}: {said if name in said else f'workload {name}: {said}'}"]


def _show_dry_run(client: Client, documents: Sequence[Document], checked: Sequence[Applied]) -> None:
    for applied in checked:
        click.echo(f"workload/{applied.workload.name} {applied.outcome} (dry run)")
        for line in applied.preview:
            click.echo(f"  {line}")
    _warn(client, documents, applied=False)


def _warn(client: Client, documents: Sequence[Document], *, applied: bool) -> None:
    """Says which of the workloads the fleet cannot serve as it is now, and the figure that would change it."""
    workloads = [] if applied else [replace(document.workload, etag="") for document in documents]
    try:
        plan = client.preview(workloads)
    except SliceplaneError as error:
        note(f"note: whether the fleet can serve them is not known: {' '.join(error.message.split())}")
        return
    short = {shortfall.workload: shortfall for shortfall in plan.shortfalls}
    for document in documents:
        shortfall = short.get(document.workload.name)
        if shortfall:
            place = document.place("spec.slo_ms" if "SLO" in shortfall.reason else "spec.rate")
            note(f"warning: {place}: workload {shortfall.workload}: {shortfall.reason}: {shortfall.detail}")
