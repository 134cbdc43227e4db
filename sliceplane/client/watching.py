"""Endless watches: resumed by revision when the server comes back, listed anew when the revision is gone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from common.errors import OutOfRange, Unavailable
from sliceplane.client.calls import Calls, Patience
from sliceplane.types import Change, Event

T = TypeVar("T")


def changes(
    calls: Calls, open_at: Callable[[int], Iterator[Change[T]]], key: Callable[[T], str], start: int
) -> Generator[Change[T], None, None]:
    """Changes after `start`; from 0 everything as it is, a bookmark, then changes.

    What vanished unseen, while the revision was lost, is reported as deleted before the new list's bookmark.
    """
    known: dict[str, T] = {}
    revision, patience = start, Patience(calls.limits.patience_s)
    while True:
        listing: dict[str, T] | None = {} if revision == 0 else None
        try:
            for change in open_at(revision):
                patience.renew(calls.limits.watch_patience_s)
                if change.type == "bookmark" and listing is not None:
                    yield from _vanished(known, listing, change.revision)
                    known, listing = listing, None
                elif change.value is not None:
                    _note(known if listing is None else listing, key(change.value), change)
                if listing is None:  # half a list is nothing to resume from
                    revision = max(revision, change.revision)
                yield change
            patience.wait(Unavailable(f"{calls.server} ended the watch"))
        except OutOfRange:
            if revision == 0:
                raise
            revision = 0
        except Unavailable as error:
            patience.wait(error)


def _note(known: dict[str, T], name: str, change: Change[T]) -> None:
    if change.type == "deleted":
        known.pop(name, None)
    elif change.value is not None:
        known[name] = change.value


def _vanished(known: dict[str, T], listing: dict[str, T], revision: int) -> Iterator[Change[T]]:
    for name in known.keys() - listing.keys():
        yield Change("deleted", known[name], revision)


def events(
    calls: Calls, open_at: Callable[[int], Iterator[Event]], since: Callable[[int], Iterator[Event]], start: int
) -> Generator[Event, None, None]:
    """Events after `start` (above 0); those that a lost revision hides are read from the list, if still kept."""
    revision, patience = start, Patience(calls.limits.patience_s)
    while True:
        try:
            for event in open_at(revision):
                patience.renew(calls.limits.watch_patience_s)
                revision = event.revision
                yield event
            patience.wait(Unavailable(f"{calls.server} ended the watch"))
        except OutOfRange as error:
            patience.wait(error)
            for event in since(revision):
                revision = event.revision
                yield event
        except Unavailable as error:
            patience.wait(error)
