"""Workloads in Postgres."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import InvalidArgument, NotFound, StaleEtag, Violation
from controller.model import Change, Changed, Outcome, Page, Serve, Workload, WorkloadStatus
from controller.ports import NewEvent
from controller.ports_public import ModelVersion
from controller.store.database import Database
from controller.store.feed import Feed
from controller.store.models import find_version
from controller.store.pages import Listing
from controller.store.requests import Request, earlier_answer, remember
from controller.store.rows import document, parse, workload_from_row, workload_to_row
from controller.store.tables import workloads
from controller.store.writer import Writer

KIND = "workload"


@dataclass(frozen=True, slots=True)
class _Applied:
    workload: Workload
    outcome: Outcome


def etag_of(workload: Workload) -> str:
    """Changes with spec, labels and generation, and with re-creation."""
    seen = [workload.uid, workload.generation, document(workload.spec), workload.labels]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def _check_etag(name: str, given: str, current: Workload | None) -> None:
    if given and (current is None or given != current.etag):
        raise StaleEtag(KIND, name, given=given, current=current.etag if current else "gone")


async def all_workloads(connection: AsyncConnection, where: ColumnElement[bool] | None = None) -> Sequence[Workload]:
    """Every workload, by name."""
    query = select(workloads).order_by(workloads.c.name)
    rows = await connection.execute(query if where is None else query.where(where))
    return [workload_from_row(row._mapping) for row in rows]


async def _find(connection: AsyncConnection, name: str) -> Workload | None:
    return next(iter(await all_workloads(connection, workloads.c.name == name)), None)


async def set_status(writer: Writer, name: str, status: WorkloadStatus) -> None:
    """Stores what the plane observes of a workload, if it still exists, and logs the change."""
    done = await writer.connection.execute(
        update(workloads).where(workloads.c.name == name).values(status=document(status)).returning(workloads)
    )
    row = done.one_or_none()
    if row is not None:
        await writer.changed(KIND, name, Change.UPDATED, workload_from_row(row._mapping))


class PgWorkloads:
    """Implements WorkloadStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def apply(
        self, workload: Workload, *, request_id: str, validate_only: bool = False
    ) -> tuple[Workload, Outcome]:
        """Creates or replaces. NotFound (model, version), InvalidArgument (TAIL of a plain model), StaleEtag."""
        asked = (workload.name, workload.spec, workload.labels, workload.etag)
        request = Request("" if validate_only else request_id, "ApplyWorkload", asked)
        async with self._database.writing(keep_changes=not validate_only) as writer:
            answer = await earlier_answer(writer, request)
            applied = parse(_Applied, answer) if answer is not None else await _apply(writer, workload)
            if answer is None:
                await remember(writer, request, applied)
        return applied.workload, applied.outcome

    async def get(self, name: str) -> Workload:
        """Reads one. NotFound."""
        async with self._database.reading() as connection:
            found = await _find(connection, name)
        if found is None:
            raise NotFound(KIND, name)
        return found

    async def list(self, page_size: int, page_token: str) -> Page[Workload]:
        """Reads a page by name."""
        listing = Listing(select(workloads), (workloads.c.name,), ("workloads",))
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
        return Page(tuple(workload_from_row(row._mapping) for row in rows), token, revision)

    async def delete(
        self, name: str, *, etag: str, request_id: str, allow_missing: bool, validate_only: bool = False
    ) -> None:
        """Removes; its segments drain in the next turn. NotFound, StaleEtag."""
        request = Request("" if validate_only else request_id, "DeleteWorkload", (name, etag, allow_missing))
        async with self._database.writing(keep_changes=not validate_only) as writer:
            if await earlier_answer(writer, request) is None:
                await _delete(writer, name, etag, allow_missing)
                await remember(writer, request, {})

    def watch(self, resume_revision: int, name: str) -> AsyncIterator[Changed[Workload]]:
        """Endless changes. OutOfRange if the revision is no longer kept."""
        feed = Feed(self._database, KIND, Workload, all_workloads, lambda w: not name or w.name == name)
        return feed.follow(resume_revision)


async def _apply(writer: Writer, asked: Workload) -> _Applied:
    current = await _find(writer.connection, asked.name)
    _check_etag(asked.name, asked.etag, current)
    version = await find_version(writer.connection, asked.spec.model, asked.spec.model_digest)
    _check_serve(asked, version)
    if current and _same(current, asked, version):
        return _Applied(current, Outcome.UNCHANGED)
    stored = await _store(writer, _next(current, asked, version, writer), version)
    outcome = Outcome.UPDATED if current else Outcome.CREATED
    said = f"{outcome.value}: {stored.spec.model} at {stored.spec.rate:g}/s within {stored.spec.slo_ms:g} ms"
    await writer.record(NewEvent(KIND, stored.name, "Applied", said))
    return _Applied(stored, outcome)


def _check_serve(asked: Workload, version: ModelVersion) -> None:
    if asked.spec.serve is Serve.TAIL and version.format != "bundle":
        said = f'TAIL needs a bundle, and model "{asked.spec.model}" is plain ONNX: serve it WHOLE, or push a bundle'
        raise InvalidArgument(Violation("workload.spec.serve", said))


def _same(current: Workload, asked: Workload, version: ModelVersion) -> bool:
    served = current.status.model_digest == version.digest
    return served and current.spec == asked.spec and current.labels == asked.labels


def _next(current: Workload | None, asked: Workload, version: ModelVersion, writer: Writer) -> Workload:
    """The workload to store: labels alone are no new generation, a new version of the model is."""
    if current is None:
        fresh = replace(asked, uid=str(uuid.uuid4()), generation=1, created=writer.now, updated=writer.now)
        new = replace(fresh, status=WorkloadStatus(model_digest=version.digest))
    elif current.spec == asked.spec and current.status.model_digest == version.digest:
        new = replace(current, labels=asked.labels)
    else:
        new = replace(current, spec=asked.spec, labels=asked.labels, updated=writer.now)
        status = replace(current.status, model_digest=version.digest)
        new = replace(new, generation=current.generation + 1, status=status)
    return replace(new, etag=etag_of(new))


async def _store(writer: Writer, workload: Workload, version: ModelVersion) -> Workload:
    row = workload_to_row(workload, version.digest)
    upsert = insert(workloads).values(row).on_conflict_do_update(index_elements=[workloads.c.name], set_=row)
    await writer.connection.execute(upsert)
    await writer.changed(KIND, workload.name, Change.UPDATED, workload)
    writer.touch_basis()
    return workload


async def _delete(writer: Writer, name: str, etag: str, allow_missing: bool) -> None:
    current = await _find(writer.connection, name)
    if current is None and allow_missing:
        return
    if current is None:
        raise NotFound(KIND, name)
    _check_etag(name, etag, current)
    await writer.connection.execute(delete(workloads).where(workloads.c.name == name))
    await writer.changed(KIND, name, Change.DELETED, current)
    await writer.record(NewEvent(KIND, name, "Deleted", "its segments drain and go"))
    writer.touch_basis()
