"""The shared budget and the window of a stream."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from node_agent.tail.budget import Budget, Window


async def test_first_come_first_served() -> None:
    """A small request does not overtake a large one that waits, and one larger than all waits for all."""
    budget, order = Budget(10), list[str]()

    async def take(name: str, amount: int) -> int:
        taken = await budget.take(amount)
        order.append(name)
        return taken

    held = await budget.take(6)
    large, small = asyncio.create_task(take("large", 99)), asyncio.create_task(take("small", 1))
    await asyncio.sleep(0)
    assert order == []
    budget.give(held)
    assert await large == 10
    assert not small.done()
    budget.give(10)
    assert await small == 1
    assert (order, budget.used) == (["large", "small"], 1)


@given(st.lists(st.tuples(st.sampled_from(["take", "give", "cancel"]), st.integers(1, 15)), max_size=60))
@settings(deadline=None)
def test_never_more_than_its_size(steps: list[tuple[str, int]]) -> None:
    """Whatever comes, goes and is cancelled, at most the size is taken, and all of it comes back."""

    async def play() -> None:
        budget, held, waiting = Budget(10), list[int](), list[asyncio.Task[int]]()
        for step, amount in steps:
            if step == "take":
                waiting.append(asyncio.create_task(budget.take(amount)))
            elif step == "give" and held:
                budget.give(held.pop())
            elif step == "cancel" and waiting:
                waiting.pop().cancel()
            for _ in range(3):
                await asyncio.sleep(0)
            held += [task.result() for task in waiting if task.done() and not task.cancelled()]
            waiting = [task for task in waiting if not task.done()]
            assert sum(held) == budget.used <= 10
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for amount in held:
            budget.give(amount)
        assert budget.used == 0

    asyncio.run(play())


async def test_window_follows_its_limit() -> None:
    """One more frame may be read when one is answered; at least one always may, whatever the limit says."""
    limit = 2
    window = Window(lambda: limit)
    await window.take()
    await window.take()
    third = asyncio.create_task(window.take())
    await asyncio.sleep(0)
    assert not third.done()
    limit = 0
    window.give()
    await asyncio.sleep(0)
    assert not third.done()
    window.give()
    await asyncio.wait_for(third, 1)
