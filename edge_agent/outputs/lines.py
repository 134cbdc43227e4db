"""Results as lines of a file, each once, whatever crashes: the file's own end says how far it got."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from common.errors import ResourceExhausted, Unavailable
from edge_agent.queue.machine import sync_folder
from edge_agent.queue.model import Result

_BLOCK = 1 << 16
LOOKED_AT = 10_000
"""So many lines of others at the end are read past."""


class JsonLines:
    """Appends to the file at `path`, synced before `write` returns. `queue`: the identity that its lines carry."""

    name = "lines"

    def __init__(self, path: Path, queue: str) -> None:
        self._path, self._why = path, ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = self._opened()
        self.reached = _recover(self._handle, queue)

    async def write(self, results: Sequence[Result]) -> None:
        """All of them; or ResourceExhausted, and `reached` says which are there: no whole line is taken back."""
        lines = [f"{result.line}\n".encode() for result in results]
        try:
            written = await asyncio.to_thread(self._append, lines)
        except OSError as error:
            raise Unavailable(f'"{self._path}" cannot be written: {error.strerror}') from error
        if written:
            self.reached = results[written - 1].sequence
        if written < len(lines):
            raise ResourceExhausted(f'"{self._path}" cannot be written: {self._why}')

    def close(self) -> None:
        """Closes the file."""
        os.close(self._handle)

    def _opened(self) -> int:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        sync_folder(self._path.parent)
        return handle

    def _append(self, lines: Sequence[bytes]) -> int:
        """How many lines are on the disk now."""
        if self._moved():  # somebody rotated it
            self.close()
            self._handle = self._opened()
        size = os.fstat(self._handle).st_size
        written = 0
        try:
            for line in lines:
                _write(self._handle, line)
                written, size = written + 1, size + len(line)
        except OSError as error:
            self._why = str(error.strerror)
            os.ftruncate(self._handle, size)
        os.fsync(self._handle)
        return written

    def _moved(self) -> bool:
        try:
            return os.stat(self._path).st_ino != os.fstat(self._handle).st_ino  # noqa: PTH116 - beside its handle's
        except FileNotFoundError:
            return True


class Stdout:
    """Prints lines; what was printed before a crash may be printed again."""

    name = "lines"
    reached = 0

    async def write(self, results: Sequence[Result]) -> None:
        """All of them."""
        await asyncio.to_thread(self._print, results)

    def _print(self, results: Sequence[Result]) -> None:
        sys.stdout.write("".join(f"{result.line}\n" for result in results))
        sys.stdout.flush()


def _write(handle: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(handle, left) :]


def _recover(handle: int, queue: str) -> int:
    """Removes a line that a crash cut short; the number of the last line that `queue` wrote, 0 for none."""
    size = os.fstat(handle).st_size
    end = next((start for start, _ in _backwards(handle, size)), 0)
    if os.pread(handle, 1, end) in (b"{", b"\0"):  # blocks of zeros are what a power loss may leave
        os.ftruncate(handle, end)
        os.fsync(handle)
    elif end < size:
        os.write(handle, b"\n")
    for _, line in islice(_backwards(handle, end), LOOKED_AT):
        if (number := _number(line, queue)) is not None:
            return number
    return 0


def _backwards(handle: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Where each piece between newlines starts, and the piece, the last one first."""
    tail = b""
    while end > 0:
        start = max(0, end - _BLOCK)
        lines = (os.pread(handle, end - start, start) + tail).split(b"\n")
        position = start + sum(map(len, lines)) + len(lines) - 1
        for line in reversed(lines[1:]):
            position -= len(line)
            yield position, line
            position -= 1
        tail, end = lines[0], start
    yield 0, tail


def _number(line: bytes, queue: str) -> int | None:
    """The frame's number, if this queue wrote the line."""
    try:
        found = json.loads(line)
        return int(found["number"]) if found["queue"] == queue else None
    except (ValueError, KeyError, TypeError):
        return None
