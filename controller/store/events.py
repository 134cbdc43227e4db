"""Events in Postgres: append-only, the newest are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select

from controller.model import Event, Page
from controller.ports import NewEvent
from controller.store.database import Database
from controller.store.feed import BATCH, PERIOD_S, check_kept
from controller.store.pages import Listing
from controller.store.rows import parse
from controller.store.tables import events, plane


class PgEvents:
    """Implements EventStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, *new: NewEvent) -> None:
        """Appends."""
        async with self._database.writing() as writer:
            await writer.record(*new)

    async def list(self, page_size: int, page_token: str, kind: str, subject: str) -> Page[Event]:
        """Reads a page, oldest first."""
        query = select(events)
        if kind:
            query = query.where(events.c.subject_kind == kind)
        if subject:
            query = query.where(events.c.subject == subject)
        listing = Listing(query, (events.c.revision,), ("events", kind, subject))
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
        return Page(tuple(parse(Event, row._mapping) for row in rows), token, revision)

    async def watch(self, resume_revision: int, subject: str) -> AsyncIterator[Event]:
        """Endless events after the revision; 0: only new ones. OutOfRange if it is no longer kept."""
        last = resume_revision or await self._revision()
        while True:
            ticket = self._database.wakeups.ticket()
            found, last = await self._since(last)
            for event in found:
                if subject in ("", event.subject):
                    yield event
            if not found:
                await self._database.wakeups.after(ticket, PERIOD_S)

    async def _revision(self) -> int:
        async with self._database.reading() as connection:
            return int((await connection.execute(select(plane.c.revision))).scalar_one())

    async def _since(self, last: int) -> tuple[Sequence[Event], int]:
        query = select(events).where(events.c.revision > last).order_by(events.c.revision).limit(BATCH)
        async with self._database.reading() as connection:
            row = (await connection.execute(select(plane.c.revision, plane.c.events_compacted))).one()
            check_kept(last, compacted=row.events_compacted, revision=row.revision)
            rows = (await connection.execute(query)).all()
        reached = rows[-1].revision if len(rows) == BATCH else row.revision
        return [parse(Event, r._mapping) for r in rows], reached
