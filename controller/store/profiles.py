"""Profiles in Postgres."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import FailedPrecondition, NotFound, StaleEtag
from controller.model import Page, Point, Profile
from controller.ports import NewEvent
from controller.store.database import Database
from controller.store.pages import Listing
from controller.store.requests import Request, earlier_answer, remember
from controller.store.rows import document, parse, to_row
from controller.store.tables import profile_points, profiles, workloads
from controller.store.writer import Writer

KIND = "profile"


async def with_points(connection: AsyncConnection, rows: Sequence[Row[tuple[str, ...]]]) -> tuple[Profile, ...]:
    """The profiles of rows of `profiles`, with their points by size, batch and processes."""
    points = profile_points.c
    query = select(profile_points).where(points.profile.in_([row.name for row in rows]))
    found: dict[str, list[Point]] = {row.name: [] for row in rows}
    for row in await connection.execute(query.order_by(points.profile, points.size, points.batch, points.processes)):
        found[row.profile].append(parse(Point, row._mapping))
    bare = (parse(Profile, {**row._mapping, "points": ()}) for row in rows)
    return tuple(replace(profile, points=tuple(found[profile.name])) for profile in bare)


async def _find(connection: AsyncConnection, name: str) -> Profile | None:
    rows = (await connection.execute(select(profiles).where(profiles.c.name == name))).all()
    return next(iter(await with_points(connection, rows)), None) if rows else None


class PgProfiles:
    """Implements ProfileStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, profile: Profile, *, request_id: str, validate_only: bool = False) -> Profile:
        """Creates or replaces; StaleEtag if the profile carries an old one. Returns it as stored."""
        asked = (profile.name, profile.gpu_product, profile.points, profile.source, profile.etag)
        request = Request("" if validate_only else request_id, "ImportProfile", asked)
        async with self._database.writing(keep_changes=not validate_only) as writer:
            answer = await earlier_answer(writer, request)
            if answer is not None:
                return parse(Profile, answer)
            stored = await _put(writer, profile)
            await remember(writer, request, stored)
            return stored

    async def get(self, name: str) -> Profile:
        """Reads one with its points. NotFound."""
        async with self._database.reading() as connection:
            found = await _find(connection, name)
        if found is None:
            raise NotFound(KIND, name)
        return found

    async def list(self, page_size: int, page_token: str) -> Page[Profile]:
        """Reads a page by name, with points."""
        listing = Listing(select(profiles), (profiles.c.name,), ("profiles",))
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
            return Page(await with_points(connection, rows) if rows else (), token, revision)

    async def delete(
        self, name: str, *, etag: str, request_id: str, allow_missing: bool, validate_only: bool = False
    ) -> None:
        """Removes. NotFound, StaleEtag; FailedPrecondition while a workload plans with it."""
        request = Request("" if validate_only else request_id, "DeleteProfile", (name, etag, allow_missing))
        async with self._database.writing(keep_changes=not validate_only) as writer:
            if await earlier_answer(writer, request) is None:
                await _delete(writer, name, etag, allow_missing)
                await remember(writer, request, {})


def _content(profile: Profile) -> object:
    return document((profile.name, profile.gpu_product, profile.source, profile.points))


async def _put(writer: Writer, asked: Profile) -> Profile:
    current = await _find(writer.connection, asked.name)
    if asked.etag and (current is None or current.etag != asked.etag):
        raise StaleEtag(KIND, asked.name, given=asked.etag, current=current.etag if current else "gone")
    ordered = tuple(sorted(asked.points, key=lambda p: (p.size, p.batch, p.processes)))
    asked = replace(asked, points=ordered)
    if current and _content(current) == _content(asked):
        return current
    etag = hashlib.sha256(json.dumps([_content(asked), writer.revision]).encode()).hexdigest()[:16]
    stored = replace(asked, etag=etag, updated=writer.now)
    await _write(writer, stored)
    await writer.record(NewEvent(KIND, stored.name, "Imported", f"{len(stored.points)} points, {stored.gpu_product}"))
    writer.touch_basis()
    return stored


async def _write(writer: Writer, profile: Profile) -> None:
    run = writer.connection.execute
    row = to_row(profile, "points")
    await run(insert(profiles).values(row).on_conflict_do_update(index_elements=[profiles.c.name], set_=row))
    await run(delete(profile_points).where(profile_points.c.profile == profile.name))
    if profile.points:
        await run(insert(profile_points), [{**to_row(p), "profile": profile.name} for p in profile.points])


async def _delete(writer: Writer, name: str, etag: str, allow_missing: bool) -> None:
    run = writer.connection.execute
    row = (await run(select(profiles).where(profiles.c.name == name))).one_or_none()
    if row is None and allow_missing:
        return
    if row is None:
        raise NotFound(KIND, name)
    if etag and etag != row.etag:
        raise StaleEtag(KIND, name, given=etag, current=row.etag)
    # A workload that names no profile plans with the one named as its model.
    plans_with = func.coalesce(func.nullif(workloads.c.profile, ""), workloads.c.model)
    users = (await run(select(workloads.c.name).where(plans_with == name).limit(3))).scalars().all()
    if users:
        said = f'profile "{name}" is what workload {", ".join(users)} plans with: delete or change it first'
        raise FailedPrecondition(f"workload/{users[0]}", said, reason="PROFILE_IN_USE")
    await run(delete(profiles).where(profiles.c.name == name))
    await writer.record(NewEvent(KIND, name, "Deleted", "no workload planned with it"))
    writer.touch_basis()
