"""Leadership: an advisory lock on a connection of its own, and an epoch that grows with every win.

The lock says who may try; the epoch is what protects: a leader that was paused while another won still believes,
but its commits carry an old epoch and are refused by the transaction that would write them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg

from common.errors import Unavailable

LEADER_LOCK = 0x51CE_0002
POLL_S = 0.5
CONFIRM_S = 5.0


class PgLeader:
    """Implements Leader. `conninfo` is a libpq URL."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection | None = None
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Our epoch while we lead; 0 while we do not."""
        return self._epoch

    async def hold(self) -> None:
        """Returns when leadership is won, however long that takes; a database that is away is waited for."""
        while True:
            try:
                if await self._try():
                    return
            except (psycopg.Error, OSError):
                await self.release()
            await asyncio.sleep(POLL_S)

    async def confirm(self) -> bool:
        """Whether the lock's connection still lives and nobody has won since; if not, we no longer lead."""
        if not self._epoch or self._connection is None:
            return False
        try:
            async with asyncio.timeout(CONFIRM_S):
                cursor = await self._connection.execute("SELECT epoch FROM plane")
                row = await cursor.fetchone()
        except (psycopg.Error, OSError, TimeoutError):
            row = None
        if row is None or row[0] != self._epoch:
            await self.release()
        return self._epoch != 0

    async def release(self) -> None:
        """Gives leadership up, so that another replica may win at once."""
        connection, self._connection, self._epoch = self._connection, None, 0
        if connection is None:
            return
        # Closing alone would do, but only once the server has noticed.
        with suppress(psycopg.Error, OSError, TimeoutError):
            async with asyncio.timeout(CONFIRM_S):
                await connection.execute("SELECT pg_advisory_unlock_all()")
        await connection.close()

    async def _try(self) -> bool:
        if self._connection is None:
            self._connection = await _connect(self._conninfo)
        cursor = await self._connection.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,))
        row = await cursor.fetchone()
        if not row or not row[0]:
            return False
        cursor = await self._connection.execute("UPDATE plane SET epoch = epoch + 1 RETURNING epoch")
        won = await cursor.fetchone()
        if won is None:
            raise Unavailable("the database holds no plane: its schema is damaged")
        self._epoch = won[0]
        return True


async def _connect(conninfo: str) -> psycopg.AsyncConnection:
    # The kernel must notice a dead path in seconds: until then nobody else can win.
    return await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, connect_timeout=5, keepalives_idle=5, keepalives_interval=2, keepalives_count=3
    )
