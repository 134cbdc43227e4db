"""Frames and their results on disk, one transaction a step; blocks, one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import ResourceExhausted, Unavailable
from edge_agent.queue import machine, room, schema
from edge_agent.queue.clock import QueueClock, Reading
from edge_agent.queue.limits import crowded_out, expired
from edge_agent.queue.model import Admission, Arrival, Drop, Entry, Limits, Result, Waiting
from edge_agent.queue.newest import newest_first

FORGET_EVERY = 1000
REMEMBERED = 100_000
"""Ids of so many answered frames are kept, to know them again when their source sends them twice."""

DROPPED_AT_ONCE = 256
"""In one step: its log must fit into the reserve of a disk that is full."""

Dropped = Callable[[Entry, str], str]
"""The result of a frame that was dropped, and why."""
Skipped = Callable[[Entry], str]
"""The result of a frame that a newer one of its source has overtaken."""


class Store:
    """The queue in `folder`; `sinks` are where results go, each at its own pace.

    With `skipped` only the newest frame of each source is taken, those that wait before it get that result.
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
        skipped: Skipped | None = None,
    ) -> None:
        self._folder, self._limits, self._dropped, self._reading = folder, limits, dropped, reading
        self._skipped = skipped
        self._database = schema.connect(folder)
        self._taken = 0  # in the order of admission: up to here
        self._under_way: set[int] = set()  # the newest first: these
        self._since: dict[str, int] = {}
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
        size = sum(len(arrival.payload or b"") for arrival in arrivals)
        room.refuse_if_full(self._database, self._folder, size, self._limits.reserve_bytes)
        with self._step():
            return [self._admit(arrival) for arrival in arrivals]

    def take(self, count: int) -> list[Entry]:
        """The next frames to answer, each once as long as this process lives; too old ones are dropped first."""
        old = expired(self._waiting() if self._limits.max_age_s else [], self._limits, self._now())
        why = f"it waited longer than {self._limits.max_age_s:g} s"
        self._in_steps(old, lambda some: self._drop(some, why))
        return self._take_newest(count) if self._skipped else self._take_in_order(count)

    def waits(self) -> bool:
        """Whether a frame waits to be taken, with `skipped`."""
        (found,) = self._database.execute(
            "SELECT count(*) FROM (SELECT 1 FROM frames WHERE result IS NULL LIMIT ?)", (len(self._under_way) + 1,)
        ).fetchone()
        return bool(found > len(self._under_way))

    def _take_in_order(self, count: int) -> list[Entry]:
        rows = self._database.execute(
            "SELECT sequence, source, id, payload IS NOT NULL FROM frames"
            " WHERE result IS NULL AND sequence > ? ORDER BY sequence LIMIT ?",
            (self._taken, count),
        ).fetchall()
        entries = [Entry(sequence, source, name, bool(stored)) for sequence, source, name, stored in rows]
        if entries:
            self._taken = entries[-1].sequence
        return entries

    def _take_newest(self, count: int) -> list[Entry]:
        turn = newest_first(self._waiting(), self._since)
        self._in_steps(turn.skipped, self._skip)
        self._since = dict(turn.since)
        entries = [self._entry(frame.sequence) for frame in turn.order[:count]]
        for entry in entries:
            self._under_way.add(entry.sequence)
            del self._since[entry.source]
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
        self._under_way.difference_update(sequence for sequence, _ in results)
        try:
            room.give_back(self._database)
        except sqlite3.Error:
            self._roll_back()

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

    def _waiting(self) -> list[Waiting]:
        query = "SELECT sequence, size, admitted, source FROM frames WHERE result IS NULL AND sequence > ?"
        rows = self._database.execute(f"{query} ORDER BY sequence", (self._taken,))
        return [Waiting(*row) for row in rows if row[0] not in self._under_way]

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
        if self._skipped and waiting:  # rather these than the only frame of some source
            turn = newest_first(waiting, self._since)
            self._skip(turn.skipped)
            self._since = dict(turn.since)
            held -= sum(frame.size for frame in turn.skipped)
            waiting = sorted(turn.order, key=lambda frame: frame.sequence)
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

    def _in_steps(self, frames: Sequence[Waiting], act: Callable[[Sequence[Waiting]], None]) -> None:
        for begin in range(0, len(frames), DROPPED_AT_ONCE):
            with self._step():
                act(frames[begin : begin + DROPPED_AT_ONCE])

    def _drop(self, frames: Sequence[Waiting], why: str) -> None:
        for frame in frames:
            self._answer(frame.sequence, self._dropped(self._entry(frame.sequence), why))

    def _skip(self, frames: Sequence[Waiting]) -> None:
        assert self._skipped
        for frame in frames:
            self._answer(frame.sequence, self._skipped(self._entry(frame.sequence)))

    def _entry(self, sequence: int) -> Entry:
        source, name, stored = self._database.execute(
            "SELECT source, id, payload IS NOT NULL FROM frames WHERE sequence = ?", (sequence,)
        ).fetchone()
        return Entry(sequence, source, name, bool(stored))

    def _answer(self, sequence: int, line: str) -> None:
        self._database.execute(
            "UPDATE frames SET result = ?, payload = NULL WHERE sequence = ? AND result IS NULL", (line, sequence)
        )


def _translated(error: sqlite3.Error, folder: Path) -> ResourceExhausted | Unavailable:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return ResourceExhausted(f'the disk of the queue in "{folder}" is full; it goes on when there is room')
    return Unavailable(f'the queue in "{folder}" cannot be written: {error}')
