"""One agent's stream: what is to be sent to it, and how it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from common.errors import DeadlineExceeded, InvalidArgument, SliceplaneError, Violation

M = TypeVar("M")

HELLO_S = 10.0


class Session(Generic[M]):
    """Messages for one agent, in the order in which they were offered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[M] = deque()
        self._wake = asyncio.Event()
        self._error: SliceplaneError | None = None

    def offer(self, message: M) -> None:
        """Sends a message as soon as the agent takes it."""
        self._waiting.append(message)
        self._wake.set()

    def end(self, error: SliceplaneError) -> None:
        """Ends the stream with this error."""
        self._error = error
        self._wake.set()

    async def outgoing(self, reading: Coroutine[Any, Any, None], closing: asyncio.Event) -> AsyncIterator[M]:
        """Yields what is offered until `reading` ends, `end` is called or the server closes. Raises their errors."""
        tasks = [asyncio.create_task(reading), asyncio.create_task(_after(closing))]
        for task in tasks:
            task.add_done_callback(lambda _: self._wake.set())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._error is not None:
                    raise self._error
                if closing.is_set():
                    return
                while self._waiting:
                    yield self._waiting.popleft()
                if tasks[0].done():
                    tasks[0].result()
                    return
        finally:
            await _cancel(tasks)


async def first(requests: AsyncIterator[M], what: str) -> M:
    """The first message. InvalidArgument if there is none, DeadlineExceeded if it takes too long."""
    try:
        async with asyncio.timeout(HELLO_S):
            return await anext(requests)
    except StopAsyncIteration:
        raise InvalidArgument(Violation(what, f"the stream ended before its first message, a {what}")) from None
    except TimeoutError:
        raise DeadlineExceeded(f"no {what} within {HELLO_S:g} s of the stream's start") from None


async def heard(requests: AsyncIterator[M], silence_s: float) -> AsyncIterable[M]:
    """The messages until the agent ends the stream. DeadlineExceeded once it is silent for longer than `silence_s`."""
    while True:
        try:
            async with asyncio.timeout(silence_s):
                message = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise DeadlineExceeded(f"nothing was heard for {silence_s:g} s: dial again") from None
        yield message


async def _after(event: asyncio.Event) -> None:
    await event.wait()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):  # the stream is over, whatever they met
            await task
