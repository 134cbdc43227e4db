"""The device's processor as a queue: one job at a time, local fallbacks before heads."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

URGENT, NORMAL, IDLE = 0, 1, 2
T = TypeVar("T")
Job = tuple[int, int, Callable[[], Any], "asyncio.Future[Any]"]


class Compute:
    """Runs jobs in one thread, the lowest priority number first; a job whose waiter is gone is skipped.

    A frame that falls back would else stand behind the heads of frames that have all their time left.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._jobs: list[Job] = []
        self._order = itertools.count()
        self._busy = False

    async def run(self, priority: int, job: Callable[[], T]) -> T:
        """The result of `job()`, in its turn."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._jobs, (priority, next(self._order), job, result))
        self._next()
        return await result

    def close(self) -> None:
        """Lets the running job finish and takes no more."""
        self._jobs.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        while self._jobs and not self._busy:
            _, _, job, result = heapq.heappop(self._jobs)
            if result.done():
                continue
            self._busy = True
            running = asyncio.get_running_loop().run_in_executor(self._pool, job)
            running.add_done_callback(lambda done, result=result: self._finish(done, result))  # type: ignore[misc]

    def _finish(self, done: asyncio.Future[Any], result: asyncio.Future[Any]) -> None:
        self._busy = False
        error = None if done.cancelled() else done.exception()
        if not result.done():
            if done.cancelled():
                result.cancel()
            elif error:
                result.set_exception(error)
            else:
                result.set_result(done.result())
        self._next()
