"""Endless streams end when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.errors import OutOfRange, Unavailable
from controller.api.streams import until


async def _numbers(closed: list[bool]) -> AsyncIterator[int]:
    try:
        yield 1
        yield 2
        await asyncio.Event().wait()
    finally:
        closed.append(True)


async def test_ends_as_soon_as_closing_is_set() -> None:
    """A stream that waits is ended with Unavailable and closed, once what was there has been sent."""
    closing, closed = asyncio.Event(), list[bool]()
    stream = until(closing, _numbers(closed))
    assert [await anext(stream), await anext(stream)] == [1, 2]
    asyncio.get_running_loop().call_soon(closing.set)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(anext(stream), 5)
    assert closed == [True]


async def test_passes_ends_and_errors_on() -> None:
    """A stream that ends, ends; one that fails, fails with its own error."""

    async def two() -> AsyncIterator[int]:
        yield 1
        raise OutOfRange("gone")

    async def one() -> AsyncIterator[int]:
        yield 1

    assert [n async for n in until(asyncio.Event(), one())] == [1]
    with pytest.raises(OutOfRange):
        assert [n async for n in until(asyncio.Event(), two())]


async def test_a_client_that_leaves_closes_the_stream() -> None:
    """Leaving early lets go of the source."""
    closed: list[bool] = []
    stream = until(asyncio.Event(), _numbers(closed))
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed == [True]
