"""Frames and their results on disk, one transaction a step; blocks, one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import ResourceExhausted, Unavailable
from edge_agent.queue import machine, schema
from edge_agent.queue.clock import QueueClock, Reading
from edge_agent.queue.limits import crowded_out, expired
from edge_agent.queue.model import Admission, Arrival, Drop, Entry, Limits, Result, Waiting

FORGET_EVERY = 1000
KEPT_ROOM, GIVEN_BACK_PAGES = 4 << 20, 512
REMEMBERED = 100_000
"""Ids of so many answered frames are kept, to know them again when their source sends them twice."""

Dropped = Callable[[Entry, str], str]
"""The result of a frame that was dropped, and why."""


class Store:
    """The queue in `folder`; `sinks` are where results go, each at its own pace.

    Whatever returns is on the disk. Raises ResourceExhausted where the disk is full, Unavailable where it fails;
    the step has then not happened.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        sinks: Sequence[str],
        dropped: Dropped,
        reading: Callable[[], Reading] = machine.reading,
    ) -> None:
        self._folder, self._limits, self._dropped, self._reading = folder, limits, dropped, reading
        self._database = schema.connect(folder)
        self._taken = 0
        (self.identity,) = self._database.execute("SELECT name FROM identity").fetchone()
        saved = self._database.execute("SELECT time, boot, since_boot, wall FROM clock").fetchone()
        start = QueueClock(saved[0], Reading(*saved[1:])) if saved else QueueClock(0.0, reading())
        self._clock = start.at(reading())
        with self._step():
            self._name_sinks(sinks)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def admit(self, arrivals: Sequence[Arrival]) -> list[Admission]:
        """Takes frames in, in this order; those that were there before are known again."""
        self._refuse_if_full(sum(len(arrival.payload or b"") for arrival in arrivals))
        with self._step():
            return [self._admit(arrival) for arrival in arrivals]

    def take(self, count: int) -> list[Entry]:
        """The next frames to answer, each once as long as this process lives; too old ones are dropped first."""
        if old := expired(self._waiting() if self._limits.max_age_s else [], self._limits, self._now()):
            with self._step():
                self._drop(old, f"it waited longer than {self._limits.max_age_s:g} s")
        rows = self._database.execute(
            "SELECT sequence, source, id, payload IS NOT NULL FROM frames"
            " WHERE result IS NULL AND sequence > ? ORDER BY sequence LIMIT ?",
            (self._taken, count),
        ).fetchall()
        entries = [Entry(sequence, source, name, bool(stored)) for sequence, source, name, stored in rows]
        if entries:
            self._taken = entries[-1].sequence
        return entries

    def payload(self, sequence: int) -> bytes:
        """The input of a frame that is not answered yet."""
        (payload,) = self._database.execute("SELECT payload FROM frames WHERE sequence = ?", (sequence,)).fetchone()
        return bytes(payload)

    def answer(self, results: Sequence[tuple[int, str]]) -> None:
        """Writes results by sequence; only the first of a frame counts."""
        with self._step():
            for sequence, line in results:
                self._answer(sequence, line)
        self._give_back()

    def deliverable(self, sink: str, count: int) -> list[Result]:
        """The next results for `sink`, in the order of admission; none beyond a frame without one."""
        rows = self._database.execute(
            "SELECT sequence, source, result FROM frames WHERE sequence > (SELECT delivered FROM sinks WHERE name = ?)"
            " AND sequence < coalesce((SELECT min(sequence) FROM frames WHERE result IS NULL), 9e18)"
            " ORDER BY sequence LIMIT ?",
            (sink, count),
        ).fetchall()
        return [Result(*row) for row in rows]

    def delivered(self, sink: str, sequence: int) -> None:
        """Notes that `sink` has all results up to `sequence`; what nobody needs any more is dropped."""
        with self._step():
            before = self._everywhere()
            self._database.execute("UPDATE sinks SET delivered = max(delivered, ?) WHERE name = ?", (sequence, sink))
            after = self._everywhere()
            self._database.execute(
                "UPDATE frames SET result = '' WHERE sequence > ? AND sequence <= ?", (before, after)
            )
            if after // FORGET_EVERY > before // FORGET_EVERY:
                self._database.execute(
                    "DELETE FROM frames WHERE sequence <= ? AND size > 0 AND result = ''", (after - REMEMBERED,)
                )

    def ids(self, source: str) -> set[str]:
        """Ids of all frames of a source that are known."""
        return {name for (name,) in self._database.execute("SELECT id FROM frames WHERE source = ?", (source,))}

    def forget(self, source: str, ids: Sequence[str]) -> None:
        """Drops the memory of delivered frames whose inputs are gone."""
        with self._step():
            self._database.executemany(
                "DELETE FROM frames WHERE source = ? AND id = ? AND result = ''", [(source, name) for name in ids]
            )

    def depth(self) -> tuple[int, int, float]:
        """Frames without a result, their bytes, and the age of the oldest, seconds."""
        count, size, first = self._database.execute(
            "SELECT count(*), coalesce(sum(size), 0), min(admitted) FROM frames WHERE result IS NULL"
        ).fetchone()
        return count, size, self._now() - first if count else 0.0

    def undelivered(self) -> int:
        """Results that some sink has not got, and frames without one."""
        (count,) = self._database.execute("SELECT count(*) FROM frames WHERE result IS NOT ''").fetchone()
        return int(count)

    @contextmanager
    def _step(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._keep_time()
            yield
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _translated(error, self._folder) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _now(self) -> float:
        return self._clock.now(self._reading())

    def _keep_time(self) -> None:
        self._clock = self._clock.at(self._reading())
        kept = self._clock.reading
        self._database.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)",
            (self._clock.time, kept.boot, kept.since_boot, kept.wall),
        )

    def _name_sinks(self, names: Sequence[str]) -> None:
        everywhere = self._everywhere()
        kept = {name for (name,) in self._database.execute("SELECT name FROM sinks")}
        self._database.executemany("DELETE FROM sinks WHERE name = ?", [(name,) for name in kept - set(names)])
        self._database.executemany("INSERT OR IGNORE INTO sinks VALUES (?, ?)", [(name, everywhere) for name in names])

    def _everywhere(self) -> int:
        """Up to where every sink has the results."""
        (sequence,) = self._database.execute("SELECT coalesce(min(delivered), 0) FROM sinks").fetchone()
        return int(sequence)

    def _refuse_if_full(self, size: int) -> None:
        """The log needs the size once, the file again, but for room that answered frames have left in it."""
        free = machine.free_bytes(self._folder)
        needed = size + max(0, size - self._room()) + self._limits.reserve_bytes
        if free < needed:
            raise ResourceExhausted(
                f'the disk of the queue in "{self._folder}" is full: {free} bytes are free,'
                f" {needed} are needed; the source is held back until there is room"
            )

    def _room(self) -> int:
        """Bytes of the file that hold nothing."""
        (pages,) = self._database.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._database.execute("PRAGMA page_size").fetchone()
        return int(pages * size)

    def _give_back(self) -> None:
        """Shrinks the file when much of it holds nothing: a queue that was long must not keep the disk for good."""
        if self._room() > KEPT_ROOM:
            try:  # as a script: it is stepped to its end
                self._database.executescript(f"PRAGMA incremental_vacuum({GIVEN_BACK_PAGES})")
            except sqlite3.Error:  # the disk is full: later
                self._roll_back()

    def _waiting(self) -> list[Waiting]:
        rows = self._database.execute(
            "SELECT sequence, size, admitted FROM frames WHERE result IS NULL AND sequence > ? ORDER BY sequence",
            (self._taken,),
        )
        return [Waiting(*row) for row in rows]

    def _admit(self, arrival: Arrival) -> Admission:
        if known := self._known(arrival):
            return Admission(known, True)
        size = len(arrival.payload or b"")
        gone, refused = self._make_room(size)
        self._drop(gone, self._full())
        cursor = self._database.execute(
            "INSERT INTO frames (source, id, payload, size, admitted, mark_key, mark) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                arrival.source,
                arrival.id or f"new-{self.identity}",
                arrival.payload,
                size,
                self._now(),
                arrival.mark_key,
                arrival.mark,
            ),
        )
        sequence = int(cursor.lastrowid or 0)
        if not arrival.id:
            name = f"{self.identity[:6]}-{sequence}"
            self._database.execute("UPDATE frames SET id = ? WHERE sequence = ?", (name, sequence))
        if refused:
            self._drop([Waiting(sequence, size, 0.0)], self._full())
        return Admission(sequence, False)

    def _make_room(self, size: int) -> tuple[list[Waiting], bool]:
        if not self._limits.max_bytes:
            return [], False
        (held,) = self._database.execute("SELECT coalesce(sum(size), 0) FROM frames WHERE result IS NULL").fetchone()
        waiting = self._waiting() if held + size > self._limits.max_bytes else []
        return crowded_out(waiting, held, size, self._limits)

    def _full(self) -> str:
        who = "the oldest give" if self._limits.drop is Drop.OLDEST else "the newest gives"
        return f"the queue is full ({self._limits.max_bytes} bytes): {who} way"

    def _known(self, arrival: Arrival) -> int | None:
        if arrival.id:
            row = self._database.execute(
                "SELECT sequence FROM frames WHERE source = ? AND id = ?", (arrival.source, arrival.id)
            ).fetchone()
            return int(row[0]) if row else None
        if not arrival.again:
            return None
        row = self._database.execute(
            "SELECT sequence, mark FROM frames WHERE source = ? AND mark_key = ? ORDER BY sequence DESC LIMIT 1",
            (arrival.source, arrival.mark_key),
        ).fetchone()
        return int(row[0]) if row and row[1] == arrival.mark else None

    def _drop(self, frames: Sequence[Waiting], why: str) -> None:
        for frame in frames:
            source, name = self._database.execute(
                "SELECT source, id FROM frames WHERE sequence = ?", (frame.sequence,)
            ).fetchone()
            self._answer(frame.sequence, self._dropped(Entry(frame.sequence, source, name, True), why))

    def _answer(self, sequence: int, line: str) -> None:
        self._database.execute(
            "UPDATE frames SET result = ?, payload = NULL WHERE sequence = ? AND result IS NULL", (line, sequence)
        )


def _translated(error: sqlite3.Error, folder: Path) -> ResourceExhausted | Unavailable:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return ResourceExhausted(f'the disk of the queue in "{folder}" is full; it goes on when there is room')
    return Unavailable(f'the queue in "{folder}" cannot be written: {error}')
