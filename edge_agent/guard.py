"""Watches the frames that wait for the tail, and ends each wait while the device can still answer in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_agent.choose import give_up_times
from edge_agent.model import Frame


@dataclass(eq=False, slots=True)
class _Wait:
    arrived: float
    deadline_at: float
    up: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None


class Guard:
    """Waits with an end; `now` is a monotonic clock, seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waits: list[_Wait] = []
        self._local_s: float | None = None
        self._doubt = False

    async def wait(self, attempt: asyncio.Task[Any], frame: Frame, local_s: float | None) -> None:
        """Returns when `attempt` is done, or when a local run of `local_s` must begin to meet the deadline."""
        mine = _Wait(frame.arrived, frame.deadline_at)
        attempt.add_done_callback(lambda _: mine.up.set())
        self._local_s = local_s
        self._waits.append(mine)
        self._waits.sort(key=lambda w: w.deadline_at)
        self._plan()
        try:
            await mine.up.wait()
        finally:
            self._waits.remove(mine)
            if mine.timer:
                mine.timer.cancel()

    def doubt(self, doubt: bool) -> None:
        """Whether all frames in flight must be expected to come back to the device."""
        if doubt != self._doubt:
            self._doubt = doubt
            self._plan()

    def _plan(self) -> None:
        now, loop = self._now(), asyncio.get_running_loop()
        spans = [(w.arrived, w.deadline_at) for w in self._waits]
        times = give_up_times(spans, self._local_s, doubt=self._doubt, now=now)
        for wait, at in zip(self._waits, times, strict=True):
            if wait.timer:
                wait.timer.cancel()
            wait.timer = loop.call_later(max(0.0, at - now), wait.up.set)
