"""Leadership on Postgres: one at a time, an epoch for each win, and no writes by those who lost it."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from common.errors import Conflict, Unavailable
from controller.ports import Decision
from controller.store.leader import PgLeader
from controller.store.wakeups import PgWakeups
from controller.stores import Stores, opened
from tests.plane_values import gpu, node, segment
from tests.postgres import execute

pytestmark = pytest.mark.contract


async def test_one_leads_and_the_next_wins_a_higher_epoch(stores: Stores, database: str) -> None:
    """A second candidate waits until the first lets go, and its epoch is the next one."""
    await stores.leader.hold()
    assert (stores.leader.epoch, await stores.leader.confirm()) == (1, True)
    other = PgLeader(database)
    waiting = asyncio.create_task(other.hold())
    await asyncio.sleep(0.7)
    assert not waiting.done()
    assert await stores.plane.leading_epoch() == 1
    await stores.leader.release()
    await asyncio.wait_for(waiting, 5)
    assert (stores.leader.epoch, other.epoch) == (0, 2)
    assert await stores.plane.leading_epoch() == 2
    await other.release()
    assert await stores.plane.leading_epoch() == 0


async def test_a_paused_leader_cannot_write(stores: Stores, database: str) -> None:
    """A leader whose connection was cut while it slept still believes; its commit is refused, then it knows."""
    await stores.leader.hold()
    await stores.plane.node_hello(node())
    await stores.plane.node_observed(node(), [gpu()], [])
    execute(database, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    other = PgLeader(database)
    await asyncio.wait_for(other.hold(), 5)
    assert (stores.leader.epoch, other.epoch) == (1, 2)
    basis = (await stores.plane.snapshot()).basis
    with pytest.raises(Conflict, match="epoch 1 is over") as refused:
        await stores.plane.commit(Decision(create=(segment(),)), basis=basis, epoch=stores.leader.epoch)
    assert refused.value.reason == "EPOCH_OVER"
    assert not await stores.leader.confirm()
    assert stores.leader.epoch == 0
    await stores.plane.commit(Decision(create=(segment(),)), basis=basis, epoch=other.epoch)
    await other.release()


async def test_a_candidate_waits_for_a_database_that_is_away() -> None:
    """Nobody wins on a database that does not answer, and nothing breaks."""
    leader = PgLeader("postgresql://127.0.0.1:9/none")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(leader.hold(), 0.8)
    assert not await leader.confirm()


async def test_a_database_that_is_away_is_unavailable(stores: Stores, database: str) -> None:
    """Calls fail as Unavailable while connections are refused, and work again afterwards without a restart."""
    name = database.partition("?")[0].rpartition("/")[2]
    execute(database.replace(f"/{name}?", "/postgres?"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        elsewhere = database.replace(f"/{name}?", "/postgres?")
        execute(elsewhere, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        with pytest.raises(Unavailable):
            await stores.plane.snapshot()
    finally:
        execute(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert (await stores.plane.snapshot()).workloads == ()


async def test_a_hint_crosses_processes(stores: Stores, database: str) -> None:
    """What one replica commits wakes the waiters of another by NOTIFY, long before their period is over."""
    async with opened(database) as replica:
        await asyncio.sleep(0.3)  # LISTEN must have been said
        ticket = replica.wakeups.ticket()
        await stores.plane.node_hello(node())
        began = time.monotonic()
        await replica.wakeups.after(ticket, 10)
        assert time.monotonic() - began < 5


async def test_a_hint_between_reading_and_waiting_is_not_lost() -> None:
    """A waiter that took its ticket before the hint returns at once; one that took it after waits."""
    wakeups = PgWakeups()
    ticket = wakeups.ticket()
    wakeups.poke()
    began = time.monotonic()
    await wakeups.after(ticket, 5)
    assert time.monotonic() - began < 1
    await wakeups.wait(0.05)
    assert time.monotonic() - began >= 0.05


async def test_replicas_migrate_one_after_another(empty_database: str) -> None:
    """Many controllers that start at once on an empty database all come up."""

    async def start() -> int:
        async with opened(empty_database) as stores:
            return (await stores.plane.snapshot()).basis

    assert await asyncio.gather(*(start() for _ in range(4))) == [0] * 4


async def test_the_tables_guard_themselves(stores: Stores, database: str) -> None:
    """What no code should ever write, the database refuses."""
    await stores.plane.node_hello(node())
    await stores.plane.node_observed(node(), [gpu()], [])
    await stores.leader.hold()
    basis = (await stores.plane.snapshot()).basis
    await stores.plane.commit(Decision(create=(segment(),)), basis=basis, epoch=stores.leader.epoch)
    forbidden = [
        "INSERT INTO plane VALUES (2, 0, 0, 0, 0, 0)",
        "INSERT INTO segment_slots VALUES ('GPU-0', 0, 'seg-1')",
        "INSERT INTO segment_slots VALUES ('GPU-0', 8, 'seg-1')",
        "UPDATE segments SET state = 'sleeping'",
        "UPDATE segments SET start = 7, memory_slices = 2",
        "UPDATE segments SET gone = true",
        "UPDATE segments SET throughput = 'NaN'",
        "UPDATE nodes SET desired = -1",
        "INSERT INTO profiles VALUES ('Bad Name', 'A100', '', 'e', now())",
        "DELETE FROM plane; SELECT 1/0",
    ]
    for statement in forbidden:
        with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.DivisionByZero)):
            execute(database, statement)
