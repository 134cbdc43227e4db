"""Pages that fit into one message: a page may hold fewer items than asked for, never more bytes than a client takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from controller.model import Page

T = TypeVar("T")
M = TypeVar("M", bound=Message)

MOST_BYTES = 3 << 20  # gRPC clients take 4 MiB unless told otherwise


async def fitting(
    read: Callable[[int, str], Awaitable[Page[T]]], convert: Callable[[T], M], page_size: int, page_token: str
) -> tuple[list[M], Page[T]]:
    """The page that `read` gives, as messages; where they are too large, a shorter page with its own token."""
    page = await read(page_size, page_token)
    found = [convert(item) for item in page.items]
    fit = _fit(found)
    if fit == len(found):
        return found, page
    return found[:fit], await read(fit, page_token)


def _fit(messages: list[M]) -> int:
    """How many of the first messages fit; at least one, so that every list can be read to its end."""
    size = 0
    for count, message in enumerate(messages):
        size += message.ByteSize()
        if size > MOST_BYTES and count:
            return count
    return len(messages)
