"""Opens the database: the embedded Postgres or the given one, its schema up to date, a store per port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from common.errors import Unavailable
from controller.settings import Settings
from controller.store.database import Database
from controller.store.embedded import EmbeddedPostgres
from controller.store.events import PgEvents
from controller.store.fleet import PgFleet
from controller.store.leader import PgLeader
from controller.store.migrate import driver_url, upgrade
from controller.store.models import PgModels
from controller.store.plane import PgPlane
from controller.store.plans import PgPlans
from controller.store.profiles import PgProfiles
from controller.store.wakeups import PgWakeups
from controller.store.workloads import PgWorkloads

log = structlog.get_logger("controller")
ALIVE_S = 1.0


@dataclass(frozen=True, slots=True)
class Stores:
    """One adapter per port, on one database."""

    plane: PgPlane
    workloads: PgWorkloads
    models: PgModels
    profiles: PgProfiles
    fleet: PgFleet
    plans: PgPlans
    events: PgEvents
    leader: PgLeader
    wakeups: PgWakeups


@asynccontextmanager
async def opened(url: str, *, keep: int = 10_000) -> AsyncIterator[Stores]:
    """The stores of the database at `url`, migrated; Unavailable if it does not answer."""
    driver = driver_url(url)
    await asyncio.to_thread(upgrade, url)
    wakeups = PgWakeups()
    conninfo = f"postgresql://{driver.partition('://')[2]}"
    database, leader = Database(driver, wakeups, keep=keep), PgLeader(conninfo)
    listening = asyncio.create_task(wakeups.listen(conninfo))
    try:
        yield Stores(
            PgPlane(database),
            PgWorkloads(database),
            PgModels(database),
            PgProfiles(database),
            PgFleet(database),
            PgPlans(database),
            PgEvents(database),
            leader,
            wakeups,
        )
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await leader.release()
        await database.close()


@asynccontextmanager
async def postgres(settings: Settings) -> AsyncIterator[str]:
    """The database's URL: the given one, or the embedded one's, which runs until the last controller lets go."""
    if settings.database_url:
        yield settings.database_url
        return
    embedded = EmbeddedPostgres(settings.state_dir / "pg")
    url = await asyncio.to_thread(embedded.start)
    log.info("embedded postgres", directory=str(embedded.directory))
    watching = asyncio.create_task(_keep_alive(embedded))
    try:
        yield url
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(embedded.stop)


async def _keep_alive(embedded: EmbeddedPostgres) -> None:
    """Starts the embedded Postgres again whenever it died; until then calls are answered UNAVAILABLE."""
    while True:
        await asyncio.sleep(ALIVE_S)
        try:
            if await asyncio.to_thread(embedded.revive):
                log.warning("embedded postgres had died and was started again")
        except Unavailable as error:
            log.error("embedded postgres", why=error.message)
