"""Answers the items of one source in their order, as many at once as the window has room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable

from edge_agent.agent import Item
from edge_agent.model import Answer
from edge_agent.window import Window


async def in_order(
    items: AsyncIterable[Item], answer: Callable[[Item], Awaitable[Answer]], window: Window, *, entered: bool = False
) -> AsyncGenerator[Answer, None]:
    """One answer per item. An item's room is given back when its answer is taken, so a slow taker slows its source.

    `entered`: items come with room of theirs in the window.
    """
    pending: asyncio.Queue[asyncio.Future[Answer] | None] = asyncio.Queue()
    feeder = asyncio.create_task(_feed(items, answer, None if entered else window, pending))
    try:
        while (task := await pending.get()) is not None:
            try:
                yield await task
            finally:
                window.leave()
        await feeder
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)
        await _drop(pending, window)


async def _feed(
    items: AsyncIterable[Item],
    answer: Callable[[Item], Awaitable[Answer]],
    window: Window | None,
    pending: asyncio.Queue[asyncio.Future[Answer] | None],
) -> None:
    try:
        async for item in items:  # its inputs are not loaded before there is room for them
            if window:
                await window.enter()
            pending.put_nowait(asyncio.ensure_future(answer(item)))
    finally:
        pending.put_nowait(None)


async def _drop(pending: asyncio.Queue[asyncio.Future[Answer] | None], window: Window) -> None:
    """Ends what nobody waits for any more."""
    while not pending.empty():
        task = pending.get_nowait()
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            window.leave()
