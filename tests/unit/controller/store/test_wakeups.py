"""Hints within one process."""

from __future__ import annotations

import asyncio

from controller.store.wakeups import PgWakeups


async def test_hint_between_ticket_and_wait_is_not_missed() -> None:
    """Who takes a ticket before reading learns of every hint that came since."""
    wakeups = PgWakeups()
    ticket = wakeups.ticket()
    wakeups.poke()
    await asyncio.wait_for(wakeups.after(ticket, 60), 1)


async def test_wait_ends_without_a_hint() -> None:
    """A waiter has a period of its own."""
    wakeups = PgWakeups()
    await asyncio.wait_for(wakeups.wait(0.01), 1)


async def test_cancellation_together_with_a_hint_is_kept() -> None:
    """An endless loop over hints ends when it is cancelled, also if a hint comes at that very moment."""
    wakeups = PgWakeups()

    async def endless() -> None:
        while True:
            await wakeups.after(wakeups.ticket(), 60)

    task = asyncio.create_task(endless())
    await asyncio.sleep(0)
    wakeups.poke()
    await asyncio.sleep(0)  # the hint is on its way to the waiter
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    task.cancel()
    assert done
