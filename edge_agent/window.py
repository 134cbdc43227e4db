"""A bounded window of frames that are under way; who comes when it is full waits, or is told."""

from __future__ import annotations

import asyncio
from collections import deque

from common.errors import ResourceExhausted


class Window:
    """Holds at most `size` frames from their admission until their answers are handed over; first come, first in."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def used(self) -> int:
        """How many frames are under way."""
        return self._used

    async def enter(self) -> None:
        """Waits for room: the source is held back."""
        if self._used < self._size:
            self._used += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # room was handed over while this waiter was being cancelled
                self.leave()
            raise

    def enter_now(self) -> None:
        """Takes room at once. Raises ResourceExhausted if there is none."""
        if self._used >= self._size:
            raise ResourceExhausted(f"the window of {self._size} frames is full; send slower, or raise --window")
        self._used += 1

    def leave(self) -> None:
        """Gives the room of one frame back, to who has waited longest."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._used -= 1
