"""Room on the disk of the queue: for what comes, and given back when much of the file holds nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from common.errors import ResourceExhausted
from edge_agent.queue import machine

KEPT_ROOM, GIVEN_BACK_PAGES = 4 << 20, 512


def refuse_if_full(database: sqlite3.Connection, folder: Path, size: int, reserve_bytes: int) -> None:
    """Raises ResourceExhausted unless `size` bytes fit and the reserve stays free.

    The log needs the size once, the file again, but for room that answered frames have left in it.
    """
    free = machine.free_bytes(folder)
    needed = size + max(0, size - _room(database)) + reserve_bytes
    if free < needed:
        raise ResourceExhausted(
            f'the disk of the queue in "{folder}" is full: {free} bytes are free,'
            f" {needed} are needed; the source is held back until there is room"
        )


def give_back(database: sqlite3.Connection) -> None:
    """Shrinks the file when much of it holds nothing: a queue that was long must not keep the disk for good.

    Raises sqlite3.Error if the disk is full: later.
    """
    if _room(database) > KEPT_ROOM:  # as a script: it is stepped to its end
        database.executescript(f"PRAGMA incremental_vacuum({GIVEN_BACK_PAGES})")


def _room(database: sqlite3.Connection) -> int:
    """Bytes of the file that hold nothing."""
    (pages,) = database.execute("PRAGMA freelist_count").fetchone()
    (size,) = database.execute("PRAGMA page_size").fetchone()
    return int(pages * size)
