"""The bounded window."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ResourceExhausted
from edge_agent.window import Window


async def test_full_window_refuses_or_holds_back() -> None:
    """When it is full, one who can wait waits and one who cannot is told; room goes to who waited longest."""
    window, order = Window(2), list[str]()

    async def wait(name: str) -> None:
        await window.enter()
        order.append(name)

    window.enter_now()
    await window.enter()
    with pytest.raises(ResourceExhausted, match="window of 2"):
        window.enter_now()
    waiting = [asyncio.create_task(wait(name)) for name in "ab"]
    await asyncio.sleep(0)
    window.leave()
    await asyncio.sleep(0)
    assert order == ["a"]
    with pytest.raises(ResourceExhausted):
        window.enter_now()
    window.leave()
    await asyncio.gather(*waiting)
    assert (order, window.used) == (["a", "b"], 2)


async def test_a_waiter_that_leaves_takes_no_room() -> None:
    """A cancelled waiter is passed over, even if room was just handed to it."""
    window = Window(1)
    await window.enter()
    first, second = (asyncio.create_task(window.enter()) for _ in range(2))
    await asyncio.sleep(0)
    window.leave()
    first.cancel()
    await asyncio.wait_for(second, 1)
    assert window.used == 1
    window.leave()
    assert window.used == 0


@given(st.integers(1, 5), st.lists(st.sampled_from(["enter", "now", "leave", "cancel"]), max_size=60))
@settings(deadline=None)
def test_never_more_than_its_size(size: int, steps: list[str]) -> None:
    """Whatever comes and goes, at most `size` are in, and nobody waits while there is room."""

    async def play() -> None:
        window, inside, waiting = Window(size), 0, list[asyncio.Task[None]]()
        for step in steps:
            if step == "enter":
                waiting.append(asyncio.create_task(window.enter()))
            elif step == "now" and window.used < size:
                window.enter_now()
                inside += 1
            elif step == "leave" and inside:
                window.leave()
                inside -= 1
            elif step == "cancel" and waiting:
                waiting.pop().cancel()
            for _ in range(3):
                await asyncio.sleep(0)
            inside += sum(task.done() and not task.cancelled() for task in waiting)
            waiting = [task for task in waiting if not task.done()]
            assert window.used == inside <= size
            assert not waiting or inside == size
        for task in waiting:
            task.cancel()

    asyncio.run(play())
