"""Hints that something changed, within this process and from the others by LISTEN/NOTIFY; lossy by design."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg

CHANNEL = "sliceplane"
RETRY_S = 1.0


class PgWakeups:
    """Wakes every waiter at each hint. `listen` feeds it from Postgres; without it, it serves one process."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """Take it before reading what may change; `after` then misses no hint that came since."""
        return self._next

    async def after(self, ticket: asyncio.Event, timeout_s: float) -> None:
        """Returns once a hint came after `ticket` was taken, or after `timeout_s`."""
        # Not wait_for: until Python 3.12 it loses a cancellation that comes together with the hint.
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await ticket.wait()

    async def wait(self, timeout_s: float) -> None:
        """Returns at the next hint, or after `timeout_s`."""
        await self.after(self.ticket(), timeout_s)

    def poke(self) -> None:
        """Hints in this process."""
        now, self._next = self._next, asyncio.Event()
        now.set()

    async def listen(self, conninfo: str) -> None:
        """Pokes at every NOTIFY, for ever; a lost connection is made anew. Run it as a task."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for _ in connection.notifies():
                        self.poke()
            await asyncio.sleep(RETRY_S)
