"""Follows the change log: first what is, then a bookmark, then every change, in the order of commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import OutOfRange
from controller.model import Change, Changed
from controller.store.database import Database
from controller.store.rows import parse
from controller.store.tables import changes, plane

T = TypeVar("T")
BATCH = 500
PERIOD_S = 5.0  # hints may be lost: look again at least so often
STALE = 1000  # revisions of others after which a silent watch gets a bookmark, so that it can resume


def check_kept(resume_revision: int, *, compacted: int, revision: int) -> None:
    """OutOfRange unless every change after `resume_revision` is still readable."""
    if compacted <= resume_revision <= revision:
        return
    why = f"the store keeps {compacted} to {revision}"
    raise OutOfRange(
        f"cannot resume from revision {resume_revision}: {why}; list again and resume from there",
        reason="REVISION_NOT_KEPT",
    )


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """A watch of one kind. `everything` reads what exists now; `wanted` filters values."""

    database: Database
    kind: str
    value_type: type[T]
    everything: Callable[[AsyncConnection], Awaitable[Sequence[T]]]
    wanted: Callable[[T], bool]

    async def follow(self, resume_revision: int) -> AsyncIterator[Changed[T]]:
        """Endless changes after `resume_revision`; 0: everything first. OutOfRange if it is no longer kept."""
        last = sent = resume_revision
        if not resume_revision:
            values, last = await self._now()
            for value in values:
                yield Changed(Change.UPDATED, value, last)
            yield Changed(Change.BOOKMARK, None, last)
            sent = last
        while True:
            ticket = self.database.wakeups.ticket()
            found, last = await self._since(last)
            for item in found:
                yield item
                sent = item.revision
            if last - sent > STALE:
                yield Changed(Change.BOOKMARK, None, last)
                sent = last
            if not found:
                await self.database.wakeups.after(ticket, PERIOD_S)

    async def _now(self) -> tuple[list[T], int]:
        async with self.database.reading() as connection:
            values = [value for value in await self.everything(connection) if self.wanted(value)]
            return values, (await connection.execute(select(plane.c.revision))).scalar_one()

    async def _since(self, last: int) -> tuple[list[Changed[T]], int]:
        query = select(changes).where(changes.c.kind == self.kind, changes.c.revision > last)
        async with self.database.reading() as connection:
            row = (await connection.execute(select(plane.c.revision, plane.c.compacted))).one()
            check_kept(last, compacted=row.compacted, revision=row.revision)
            rows = (await connection.execute(query.order_by(changes.c.revision).limit(BATCH))).all()
        found = ((r, parse(self.value_type, r.payload)) for r in rows)
        reached = rows[-1].revision if len(rows) == BATCH else row.revision
        return [Changed(Change(r.type), value, r.revision) for r, value in found if self.wanted(value)], reached
