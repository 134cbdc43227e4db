"""Answers the newest item of a source that is held in memory; those that a newer one overtakes are skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field

from edge_agent.agent import Item
from edge_agent.model import Answer
from edge_agent.window import Window

BEHIND = 4096
"""Answers that nobody has taken yet, until the source is held back."""


@dataclass(slots=True)
class _Place:
    """An item's place in the order of answers; `task` once it has begun. The item is let go as soon as it can be."""

    item: Item | None
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    task: asyncio.Task[None] | None = None


async def newest_first(
    items: AsyncIterable[Item],
    answer: Callable[[Item], Awaitable[Answer]],
    skip: Callable[[Item], Answer],
    window: Window,
    ready: asyncio.Event,
) -> AsyncGenerator[Answer, None]:
    """One answer per item, in their order.

    Of items that wait for `ready`, or for room in the window, the newest has its answer by `answer`, others by `skip`.
    """
    line = _Line(answer, skip, window)
    reader, beginner = asyncio.create_task(line.read(items)), asyncio.create_task(line.begin(ready))
    try:
        while (place := await line.places.get()) is not None:
            try:
                yield await place.answer
            finally:
                await line.taken(place)
        await reader
    finally:
        for job in (reader, beginner):
            job.cancel()
        await asyncio.gather(reader, beginner, return_exceptions=True)
        await line.drop()


class _Line:
    def __init__(
        self, answer: Callable[[Item], Awaitable[Answer]], skip: Callable[[Item], Answer], window: Window
    ) -> None:
        self.places: asyncio.Queue[_Place | None] = asyncio.Queue()
        self._answer, self._skip, self._window = answer, skip, window
        self._behind = asyncio.Semaphore(BEHIND)
        self._newest: _Place | None = None
        self._there = asyncio.Event()

    async def read(self, items: AsyncIterable[Item]) -> None:
        """Takes items in as they come."""
        try:
            async for item in items:
                await self._behind.acquire()
                before, self._newest = self._newest, _Place(item)
                self._there.set()
                if before:
                    self._pass_over(before)
                self.places.put_nowait(self._newest)
        finally:
            self.places.put_nowait(None)

    async def begin(self, ready: asyncio.Event) -> None:
        """Begins with the newest, whenever there is room; never ends."""
        await ready.wait()
        while True:
            await self._there.wait()
            await self._window.enter()
            place, self._newest = self._newest, None
            assert place
            assert place.item
            self._there.clear()
            place.task = asyncio.create_task(_settle(self._answer(place.item), place.answer))
            place.item = None

    def _pass_over(self, place: _Place) -> None:
        assert place.item
        if not place.answer.done():
            place.answer.set_result(self._skip(place.item))
        place.item = None  # with its inputs: many answers may wait for a client that does not read

    async def taken(self, place: _Place) -> None:
        """Its answer is handed over, or nobody waits for it any more."""
        self._behind.release()
        if place.task:
            place.task.cancel()
            await asyncio.gather(place.task, return_exceptions=True)
            self._window.leave()

    async def drop(self) -> None:
        """Ends what nobody waits for any more."""
        while not self.places.empty():
            if place := self.places.get_nowait():
                await self.taken(place)


async def _settle(running: Awaitable[Answer], answer: asyncio.Future[Answer]) -> None:
    try:
        found = await running
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # raised where the answer is awaited
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(found)
