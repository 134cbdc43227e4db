"""The queue as the agent's event loop sees it: sources hand frames in, the agent answers them, sinks get results."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import structlog

from common import backoff
from common.errors import SliceplaneError
from edge_agent.queue.model import Admission, Arrival, Entry, Result
from edge_agent.queue.store import Store

T = TypeVar("T")
BATCH = 64
LOOK_S = 1.0
"""How often frames that wait are looked over for those that are too old."""

log = structlog.get_logger("queue")


class Sink(Protocol):
    """Where results go. `reached`: the number up to which it is known to have this queue's results already."""

    name: str
    reached: int

    async def write(self, results: Sequence[Result]) -> None:
        """Returns once they are safe there. Raises the closed set of errors; all of them are then sent again."""


class Room(Protocol):
    """Bounds the frames that are under way."""

    async def enter(self) -> None:
        """Waits for the room of one frame."""

    def leave(self) -> None:
        """Gives it back."""


class Queue:
    """Store-and-forward on `store`, whose calls have a thread of their own. `run()` writes results until cancelled."""

    def __init__(self, store: Store) -> None:
        self.trouble = ""
        self._store = store
        self._thread = ThreadPoolExecutor(1, "queue")
        self._arrivals: deque[tuple[Arrival, asyncio.Future[Admission]]] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[tuple[int, str]] = asyncio.Queue(BATCH)
        self._new, self._results = asyncio.Event(), asyncio.Condition()

    async def admit(self, arrival: Arrival) -> Admission:
        """Takes a frame in; returns once it is on the disk. Waits, and says why in the log, while the disk is full."""
        future: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        self._arrivals.append((arrival, future))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
        return await future

    async def items(self) -> AsyncIterator[Entry]:
        """Frames to answer, in the order of admission, without end."""
        while True:
            self._new.clear()
            entries = await self._patiently(lambda: self._store.take(1))
            for entry in entries:
                yield entry
            if not entries:
                await _within(self._new.wait(), LOOK_S)
                await self._notify()  # frames that were too old have results now

    async def newest(self, room: Room) -> AsyncIterator[Entry]:
        """The newest frame of each source in turn, without end, taken once there is room for it in `room`.

        The store must have been told what becomes of those that wait before it.
        """
        while True:
            self._new.clear()
            if not await self._call(self._store.waits):
                await _within(self._new.wait(), LOOK_S)
            elif entry := await self._entered(room):
                yield entry

    async def _entered(self, room: Room) -> Entry | None:
        """The next frame, in the room; None if there is none any more."""
        await room.enter()
        try:
            entries = await self._patiently(lambda: self._store.take(1))
            await self._notify()  # frames that were skipped have results now
        except BaseException:
            room.leave()
            raise
        if not entries:
            room.leave()
        return entries[0] if entries else None

    async def payload(self, sequence: int) -> bytes:
        """The stored input of a frame."""
        return await self._call(lambda: self._store.payload(sequence))

    async def answered(self, sequence: int, line: str) -> None:
        """Hands over a result; waits only while many are not written yet."""
        await self._answers.put((sequence, line))

    async def run(self) -> None:
        """Writes results, those that are there together in one commit."""
        while True:
            batch = [await self._answers.get()]
            while not self._answers.empty():
                batch.append(self._answers.get_nowait())
            await self._patiently(lambda batch=batch: self._store.answer(batch))  # type: ignore[misc]
            await self._notify()

    async def forward(self, sink: Sink) -> None:
        """Delivers results to `sink` in order, until cancelled; tries again whatever fails."""
        pauses = backoff.delays(limit_s=10.0)
        while True:
            async with self._results:  # held while looking, so that no result slips in between looking and waiting
                results = await self._call(lambda: self._store.deliverable(sink.name, BATCH))
                if not results:
                    await _within(self._results.wait(), LOOK_S)
                    continue
            try:
                if fresh := [result for result in results if result.sequence > sink.reached]:
                    await sink.write(fresh)
                await self._call(lambda last=results[-1].sequence: self._store.delivered(sink.name, last))  # type: ignore[misc]
                await self._notify()
                pauses = backoff.delays(limit_s=10.0)
            except SliceplaneError as error:
                log.warning("results wait", sink=sink.name, why=error.message)
                await asyncio.sleep(next(pauses))

    async def drained(self) -> None:
        """Waits until every frame has its result and every sink has it."""
        async with self._results:
            while await self._call(self._store.undelivered):
                await self._results.wait()

    async def ids(self, source: str) -> set[str]:
        """Ids of a source that are known."""
        return await self._call(lambda: self._store.ids(source))

    async def forget(self, source: str, ids: Sequence[str]) -> None:
        """Drops the memory of delivered frames whose inputs are gone."""
        await self._call(lambda: self._store.forget(source, ids))

    async def depth(self) -> tuple[int, int, float]:
        """Frames without a result, their bytes, and the age of the oldest, seconds."""
        return await self._call(self._store.depth)

    async def close(self) -> None:
        """Writes what is answered, and closes the file."""
        if self._committing:
            self._committing.cancel()
        left = [self._answers.get_nowait() for _ in range(self._answers.qsize())]
        try:
            await self._call(lambda: self._store.answer(left))
        except SliceplaneError as error:  # they are answered again at the next start
            log.warning("results are not written", count=len(left), why=error.message)
        await self._call(self._store.close)
        self._thread.shutdown()

    async def _commit(self) -> None:
        """Takes in what waits; what comes meanwhile shares the next commit."""
        while self._arrivals:
            batch = [self._arrivals.popleft() for _ in range(min(BATCH, len(self._arrivals)))]
            arrivals = [arrival for arrival, _ in batch]
            found = await self._patiently(lambda arrivals=arrivals: self._store.admit(arrivals))  # type: ignore[misc]
            for (_, future), admission in zip(batch, found, strict=True):
                if not future.done():
                    future.set_result(admission)
            self._new.set()

    async def _patiently(self, step: Callable[[], T]) -> T:
        """The step's outcome, however long the disk does not let it happen."""
        pauses = backoff.delays(limit_s=2.0)
        while True:
            try:
                done = await self._call(step)
            except SliceplaneError as error:
                if error.message != self.trouble:
                    log.error("the queue is held up", why=error.message)
                self.trouble = error.message
                await asyncio.sleep(next(pauses))
            else:
                if self.trouble:
                    log.info("the queue goes on")
                self.trouble = ""
                return done

    async def _notify(self) -> None:
        async with self._results:
            self._results.notify_all()

    async def _call(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)


async def _within(waiting: object, seconds: float) -> None:
    """Waits, but not longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await waiting  # type: ignore[misc]
    except TimeoutError:
        pass
