"""Looks at cuts that no frame takes yet, and warms them, behind all that waits for the device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from common.errors import SliceplaneError
from edge_agent.attempt import Run, SplitError, attempt, encode, survey
from edge_agent.compute import IDLE, Compute
from edge_agent.model import Frame, Mode, Tensors
from edge_agent.serving import Serving

WARM_S = 5.0  # that a frame which nobody waits for may take


class Scout:
    """Sends frames that nobody waits for. `now`: a monotonic clock, seconds."""

    def __init__(self, mode: Mode, compute: Compute, now: Callable[[], float] = time.monotonic) -> None:
        self._mode, self._compute, self._now = mode, compute, now
        self._surveys: set[asyncio.Task[None]] = set()

    async def look(self, serving: Serving, inputs: Tensors) -> None:
        """Learns what the head takes, and the levels that are due."""
        run = self._run(serving, inputs)
        with suppress(SliceplaneError, SplitError):
            _, activation = await encode(run)
            await survey(run, serving.pace.unknown(self._now()), activation)

    async def warm(self, serving: Serving, inputs: Tensors) -> bool:
        """Whether a frame at the smallest level was answered by the tail."""
        run = self._run(serving, inputs)
        run.level = serving.pace.smallest
        serving.enter()
        try:
            async with asyncio.timeout(WARM_S):
                await attempt(run)
        except (SliceplaneError, SplitError, TimeoutError):
            return False
        finally:
            serving.leave()
        return True

    async def close(self) -> None:
        """Ends what still runs."""
        for task in self._surveys:
            task.cancel()
        await asyncio.gather(*self._surveys, return_exceptions=True)

    def _run(self, serving: Serving, inputs: Tensors) -> Run:
        now = self._now()
        frame = Frame("", inputs, now, now + WARM_S)
        return Run(frame, serving, self._mode, self._compute, self._now, self._keep, priority=IDLE)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._surveys.add(task)
        task.add_done_callback(self._surveys.discard)
