"""What is in flight is bounded: bytes over all streams of a process, frames within each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Budget:
    """A fair counting semaphore over bytes; one request larger than the whole waits until all of it is free."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        return self._size - self._free

    async def take(self, amount: int) -> int:
        """Waits for `amount` bytes and takes them; returns what to give back."""
        amount = min(amount, self._size)
        if not self._queue and amount <= self._free:
            self._free -= amount
            return amount
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((amount, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._forget(amount, turn)
            raise
        return amount

    def give(self, amount: int) -> None:
        """Gives back what `take` returned."""
        self._free += amount
        self._wake()

    def _forget(self, amount: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it was granted while its waiter was being cancelled
            self.give(amount)
            return
        self._queue = deque(entry for entry in self._queue if entry[1] is not turn)
        self._wake()

    def _wake(self) -> None:
        while self._queue and self._queue[0][0] <= self._free:
            amount, turn = self._queue.popleft()
            if not turn.done():
                self._free -= amount
                turn.set_result(None)


class Window:
    """Frames of one stream that are read and not yet answered; `limit()` may change while they fly."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._used = 0
        self._change = asyncio.Event()

    async def take(self) -> None:
        """Waits until one more frame may be read. For one waiter at a time."""
        while self._used >= max(1, self._limit()):
            self._change.clear()
            await self._change.wait()
        self._used += 1

    def give(self) -> None:
        """One frame is answered."""
        self._used -= 1
        self._change.set()
