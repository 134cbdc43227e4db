"""Models and their versions in Postgres."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import FailedPrecondition, NotFound, StaleEtag
from controller.model import Model, Page
from controller.ports import NewEvent
from controller.ports_public import Discard, ModelVersion, Publish
from controller.store.database import Database
from controller.store.pages import Listing
from controller.store.requests import Request, earlier_answer, remember
from controller.store.rows import parse, to_row
from controller.store.tables import model_versions, models, workloads
from controller.store.writer import Writer

KIND = "model"


async def find_version(connection: AsyncConnection, name: str, digest: str) -> ModelVersion:
    """One version of `name` (empty: of any model); `digest` empty: the newest. NotFound."""
    query = select(model_versions).order_by(model_versions.c.number.desc()).limit(1)
    if name:
        query = query.where(model_versions.c.model == name)
    if digest:
        query = query.where(model_versions.c.digest == digest)
    row = (await connection.execute(query)).one_or_none()
    if row is not None:
        return parse(ModelVersion, row._mapping)
    if digest and (not name or await _exists(connection, name)):
        raise NotFound("model version", f"{name}@{digest}" if name else digest)
    raise NotFound(KIND, name)


async def _exists(connection: AsyncConnection, name: str) -> bool:
    return (await connection.execute(select(models.c.name).where(models.c.name == name))).one_or_none() is not None


async def describe(connection: AsyncConnection, rows: Sequence[Row[tuple[str, ...]]]) -> tuple[Model, ...]:
    """The models of rows of `models`, each with its versions, newest first."""
    wanted = model_versions.c.model.in_([row.name for row in rows])
    order = (model_versions.c.model, model_versions.c.number.desc())
    found: dict[str, list[Row[tuple[str, ...]]]] = {row.name: [] for row in rows}
    for version in await connection.execute(select(model_versions).where(wanted).order_by(*order)):
        found[version.model].append(version)
    return tuple(_model(row, found[row.name]) for row in rows)


def _model(row: Row[tuple[str, ...]], versions: Sequence[Row[tuple[str, ...]]]) -> Model:
    digests = tuple(version.digest for version in versions)
    return parse(Model, {**versions[0]._mapping, **row._mapping, "versions": digests})


class PgModels:
    """Implements ModelStore.

    Bytes and rows change under one lock: `publish` runs inside the transaction that adds the row, `discard` inside
    one that has seen that no row is left; so no replica can drop bytes that another just came to need.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str, version: ModelVersion, publish: Publish) -> Model:
        """Makes `version` the newest of `name`; a repeat changes nothing."""
        async with self._database.writing() as writer:
            await publish()
            if await self._newest(writer, name) != version.digest:
                await _add(writer, name, version)
            return await _one(writer.connection, name)

    async def _newest(self, writer: Writer, name: str) -> str:
        try:
            return (await find_version(writer.connection, name, "")).digest
        except NotFound:
            return ""

    async def get(self, name: str) -> Model:
        """Reads one. NotFound."""
        async with self._database.reading() as connection:
            return await _one(connection, name)

    async def version(self, name: str, digest: str) -> ModelVersion:
        """Reads one version; empty `name`: of any model; empty `digest`: the newest. NotFound."""
        async with self._database.reading() as connection:
            return await find_version(connection, name, digest)

    async def list(self, page_size: int, page_token: str) -> Page[Model]:
        """Reads a page by name."""
        listing = Listing(select(models), (models.c.name,), ("models",))
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
            return Page(await describe(connection, rows), token, revision)

    async def delete(
        self,
        name: str,
        discard: Discard,
        *,
        etag: str,
        request_id: str,
        allow_missing: bool,
        validate_only: bool = False,
    ) -> None:
        """Removes it with its versions. NotFound, StaleEtag; FailedPrecondition while a workload names it."""
        request = Request("" if validate_only else request_id, "DeleteModel", (name, etag, allow_missing))
        digests: Sequence[str] = ()
        async with self._database.writing(keep_changes=not validate_only) as writer:
            if await earlier_answer(writer, request) is None:
                digests = await _delete(writer, name, etag, allow_missing)
                await remember(writer, request, {})
        for digest in () if validate_only else digests:
            await self._discard_unused(digest, discard)

    async def _discard_unused(self, digest: str, discard: Discard) -> None:
        query = select(func.count()).select_from(model_versions).where(model_versions.c.digest == digest)
        async with self._database.writing() as writer:
            if not (await writer.connection.execute(query)).scalar_one():
                await discard(digest)


async def _one(connection: AsyncConnection, name: str) -> Model:
    rows = (await connection.execute(select(models).where(models.c.name == name))).all()
    if not rows:
        raise NotFound(KIND, name)
    return (await describe(connection, rows))[0]


async def _add(writer: Writer, name: str, version: ModelVersion) -> None:
    run = writer.connection.execute
    mine = model_versions.c.model == name
    highest = (await run(select(func.coalesce(func.max(model_versions.c.number), 0)).where(mine))).scalar_one()
    etag = hashlib.sha256(f"{name} {version.digest} {highest + 1} {writer.revision}".encode()).hexdigest()[:16]
    row = {"name": name, "etag": etag, "updated": writer.now}
    await run(insert(models).values(row).on_conflict_do_update(index_elements=[models.c.name], set_=row))
    new = {**to_row(version), "model": name, "number": highest + 1, "uploaded": writer.now}
    keys = [model_versions.c.model, model_versions.c.digest]
    await run(insert(model_versions).values(new).on_conflict_do_update(index_elements=keys, set_=new))
    await writer.record(
        NewEvent(KIND, name, "Uploaded", f"{version.digest} ({version.size_bytes} bytes) is the newest")
    )
    writer.touch_basis()


async def _delete(writer: Writer, name: str, etag: str, allow_missing: bool) -> Sequence[str]:
    run = writer.connection.execute
    row = (await run(select(models).where(models.c.name == name))).one_or_none()
    if row is None and allow_missing:
        return ()
    if row is None:
        raise NotFound(KIND, name)
    if etag and etag != row.etag:
        raise StaleEtag(KIND, name, given=etag, current=row.etag)
    users = (await run(select(workloads.c.name).where(workloads.c.model == name).limit(3))).scalars().all()
    if users:
        said = f'model "{name}" is named by workload {", ".join(users)}: delete or change it first'
        raise FailedPrecondition(f"workload/{users[0]}", said, reason="MODEL_IN_USE")
    digests = (await run(select(model_versions.c.digest).where(model_versions.c.model == name))).scalars().all()
    await run(delete(models).where(models.c.name == name))
    await writer.record(NewEvent(KIND, name, "Deleted", f"with {len(digests)} versions"))
    writer.touch_basis()
    return digests
