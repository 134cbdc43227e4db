"""One writing transaction: what it did to revision and basis, its change log, and what goes to make room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.model import Change
from controller.ports import NewEvent
from controller.store.rows import document, to_row
from controller.store.tables import changes, events, plane, requests
from controller.store.wakeups import CHANNEL

ANSWERS_KEPT = timedelta(hours=24)


class Writer:
    """Holds the plane's row lock; `connection` is the transaction, `now` its time."""

    def __init__(self, connection: AsyncConnection, row: Mapping[Any, Any], now: datetime) -> None:
        self.connection, self.now = connection, now
        self.revision: int = row["revision"]
        self.basis: int = row["basis"]
        self.epoch: int = row["epoch"]
        self._before = row

    @property
    def wrote(self) -> bool:
        """Whether anything happened that somebody may wait for."""
        return (self.revision, self.basis) != (self._before["revision"], self._before["basis"])

    def touch_basis(self) -> None:
        """Says that this transaction changes something which a decision may rest on."""
        self.basis = self._before["basis"] + 1

    async def changed(self, kind: str, name: str, change: Change, value: Any) -> None:
        """Logs one change for watches, under the next revision."""
        self.revision += 1
        await self.connection.execute(
            insert(changes).values(
                revision=self.revision, kind=kind, name=name, type=change.value, payload=document(value)
            )
        )

    async def record(self, *new: NewEvent) -> None:
        """Appends events, each under its own revision."""
        for event in new:
            self.revision += 1
            values = {**to_row(event), "revision": self.revision, "time": self.now}
            await self.connection.execute(insert(events).values(values))

    async def finish(self, keep: int) -> None:
        """Writes the counters, makes room now and then, and hints to the other processes."""
        if not self.wrote:
            return
        await self.connection.execute(update(plane).values(revision=self.revision, basis=self.basis))
        step = max(1, keep // 8)
        if self.revision // step != self._before["revision"] // step:
            await self._make_room(keep)
        await self.connection.execute(select(func.pg_notify(CHANNEL, "")))

    async def _make_room(self, keep: int) -> None:
        await self._compact(changes, plane.c.compacted.name, keep)
        await self._compact(events, plane.c.events_compacted.name, keep)
        await self.connection.execute(delete(requests).where(requests.c.created < self.now - ANSWERS_KEPT))

    async def _compact(self, table: Table, mark: str, keep: int) -> None:
        oldest = select(table.c.revision).order_by(table.c.revision.desc()).offset(keep).limit(1)
        cut = (await self.connection.execute(oldest)).scalar_one_or_none()
        if cut is not None:
            await self.connection.execute(delete(table).where(table.c.revision <= cut))
            await self.connection.execute(update(plane).values({mark: cut}))
