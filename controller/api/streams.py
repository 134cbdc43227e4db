"""Endless streams that end when the server stops, so that a stop does not have to wait for its watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

from common.errors import Unavailable

T = TypeVar("T")


async def until(closing: asyncio.Event, stream: AsyncIterator[T]) -> AsyncIterator[T]:
    """The items of `stream`; Unavailable as soon as `closing` is set, so that clients resume elsewhere."""
    closed = asyncio.ensure_future(closing.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(stream))
            await asyncio.wait((following, closed), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise Unavailable("this server stops: resume from the last revision", reason="SERVER_STOPS")
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        await _cancel(closed, following)
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _cancel(*futures: asyncio.Future[T] | asyncio.Future[bool] | None) -> None:
    for future in futures:
        if future is not None and not future.done():
            future.cancel()
            with suppress(asyncio.CancelledError):
                await future
