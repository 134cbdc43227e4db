"""The connection pool and its two kinds of transaction: reading (one consistent view) and writing (one at a time)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import exc, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from common.errors import InvalidArgument, Unavailable
from controller.store.tables import plane
from controller.store.wakeups import PgWakeups
from controller.store.writer import Writer

# A stuck statement must not hold the one writer's lock for ever; the kernel notices a dead host within half a minute.
CONNECT = {
    "options": " ".join(
        f"-c {setting}"
        for setting in (
            "timezone=UTC",
            "statement_timeout=30s",
            "lock_timeout=15s",
            "idle_in_transaction_session_timeout=60s",
        )
    ),
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def utc_now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


class Database:
    """A pool of connections to one Postgres; every error of the driver leaves it as one of ours.

    `keep` is how many changes and how many events stay readable for watches.
    """

    def __init__(
        self, url: str, wakeups: PgWakeups, *, keep: int = 10_000, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url, pool_size=8, max_overflow=8, pool_timeout=15, pool_pre_ping=True, connect_args=CONNECT
        )
        self.wakeups, self.keep, self.now = wakeups, keep, now
        self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction in which every statement sees the same state."""
        async with _translated(), self._reader.begin() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, *, keep_changes: bool = True) -> AsyncIterator[Writer]:
        """The only transaction that may write shared state: waits its turn, then sees all that was committed.

        With `keep_changes` False everything is rolled back at the end: the way to try something out.
        """
        async with _translated(), self.engine.begin() as connection:
            row = (await connection.execute(select(plane).with_for_update())).one()
            writer = Writer(connection, row._mapping, self.now())
            yield writer
            if keep_changes:
                await writer.finish(self.keep)
            else:
                await connection.rollback()
        if keep_changes and writer.wrote:
            self.wakeups.poke()

    @asynccontextmanager
    async def touching(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for single rows that nobody watches and no decision reads (heartbeats)."""
        async with _translated(), self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise Unavailable("the database does not answer: is Postgres up?", reason="DATABASE_UNAVAILABLE") from error
    except exc.DataError as error:
        why = str(error.orig).strip().splitlines()[0]
        raise InvalidArgument(message=f"a value does not fit into the database: {why}", reason="VALUE_UNFIT") from error
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the database went away: try again", reason="DATABASE_UNAVAILABLE") from error
        raise
