"""Pages that fit into one message."""

from __future__ import annotations

from controller.api.pages import MOST_BYTES, fitting
from controller.model import Page
from protos.sliceplane.event.v1 import event_pb2


async def _read(page_size: int, page_token: str) -> Page[int]:
    """Numbers from the token on; each item's number is its size, bytes."""
    start = int(page_token or 0)
    return Page(
        tuple(SIZES[start : start + page_size]), str(start + page_size) if start + page_size < len(SIZES) else ""
    )


SIZES = [MOST_BYTES // 2, MOST_BYTES // 3, MOST_BYTES // 3, 2 * MOST_BYTES, 10, 10]


def _convert(size: int) -> event_pb2.Event:
    return event_pb2.Event(message="x" * size)


async def test_large_pages_are_cut_and_nothing_is_lost() -> None:
    """Following the tokens gives every item once; no page but that of a single giant is too large."""
    token, pages = "", []
    while True:
        found, page = await fitting(_read, _convert, 5, token)
        pages.append([len(event.message) for event in found])
        token = page.next_token
        if not token:
            break
    assert pages == [SIZES[:2], SIZES[2:3], SIZES[3:4], SIZES[4:]]
