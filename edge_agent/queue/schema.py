"""The queue's SQLite file: opened so that a commit is on the disk, and what it holds."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import structlog

from common.errors import FailedPrecondition, Unavailable
from edge_agent.queue.machine import sync_folder

VERSION = 1
FILE = "queue.db"
log = structlog.get_logger("queue")

_TABLES = """
CREATE TABLE frames (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  payload BLOB,                -- NULL: the input lies with its source, or is answered
  size INTEGER NOT NULL,       -- bytes of the payload
  admitted REAL NOT NULL,      -- on the queue's clock
  mark_key TEXT NOT NULL,
  mark TEXT NOT NULL,
  result TEXT,                 -- NULL: not answered; '': delivered everywhere
  UNIQUE (source, id)
) STRICT;
CREATE INDEX unanswered ON frames (sequence, size, admitted) WHERE result IS NULL;
CREATE INDEX marks ON frames (source, mark_key, sequence) WHERE mark_key <> '';
CREATE TABLE sinks (name TEXT PRIMARY KEY, delivered INTEGER NOT NULL) STRICT;
CREATE TABLE clock (only INTEGER PRIMARY KEY CHECK (only = 1), time REAL, boot TEXT, since_boot REAL, wall REAL) STRICT;
CREATE TABLE identity (only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL) STRICT;
"""


def connect(folder: Path) -> sqlite3.Connection:
    """The queue of `folder`, made if it is not there; a damaged one is set aside, loudly.

    Raises FailedPrecondition if another process has it, or a later version wrote it; Unavailable if the disk does
    not let us.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        try:
            return _opened(folder)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            _set_aside(folder, str(error))
            return _opened(folder)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise FailedPrecondition(
                str(folder),
                f'the queue in "{folder}" is in use by another process: give each agent its own --queue-dir',
            ) from error
        raise Unavailable(f'the queue in "{folder}" cannot be opened: {error}') from error
    except OSError as error:
        raise Unavailable(f'the queue in "{folder}" cannot be opened: {error.strerror}') from error


def _opened(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        # Held alone, the write-ahead log needs no shared memory file, which a full disk could make fatal (SIGBUS).
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before anything is written: the file can shrink
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # each commit waits for fsync of the log
        database.execute("PRAGMA journal_size_limit = 4194304")
        _tables(database, folder)
        (sound,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(sound)
    except BaseException:
        database.close()
        raise
    sync_folder(folder)
    return database


def _tables(database: sqlite3.Connection, folder: Path) -> None:
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        database.execute("ROLLBACK")
        raise FailedPrecondition(
            str(folder), f'the queue in "{folder}" was written by a later version: update, or give another --queue-dir'
        )
    if version == 0:
        for statement in _TABLES.split(";\n"):
            database.execute(statement)
        database.execute("INSERT INTO identity VALUES (1, ?)", (os.urandom(8).hex(),))
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _set_aside(folder: Path, why: str) -> None:
    """Keeps what is left of a damaged queue for people to look at; the agent must go on by itself."""
    number = sum(1 for _ in folder.glob(f"{FILE}.damaged-*"))
    for suffix in ("", "-wal"):
        path = folder / f"{FILE}{suffix}"
        if path.exists():
            path.rename(folder / f"{FILE}.damaged-{number}{suffix}")
    log.error("the queue is damaged and begins anew", folder=str(folder), kept_as=f"{FILE}.damaged-{number}", why=why)
