"""Looks at every GPU at once, each in a thread of its own, so that one that does not answer holds up no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from node_agent.model import Fault, Gpu

PATIENCE_S = 2.0  # a turn waits so long for a GPU that was seen before
SILENT_S = 30.0  # look-ups take seconds on a busy host; beyond this the GPU counts as ill


@dataclass
class _Sight:
    """What is known of one GPU."""

    gpu: Gpu | None = None
    since: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None


class Glances:
    """Calls `look(index)`, which must not raise, for all GPUs at once; what is late shows what was seen before."""

    def __init__(self, look: Callable[[int], Gpu], patience_s: float = PATIENCE_S, silent_s: float = SILENT_S) -> None:
        self._look, self._patience_s, self._silent_s = look, patience_s, silent_s
        self._sights: dict[int, _Sight] = {}

    def take(self, indices: Iterable[int]) -> tuple[Gpu, ...]:
        """One look at each; a GPU silent for too long is ill, one never seen so far is left out."""
        sights = [self._begin(index) for index in indices]
        deadline = time.monotonic() + self._patience_s
        for sight in sights:
            if sight.thread:
                sight.thread.join(max(0.0, deadline - time.monotonic()))
        return tuple(gpu for sight in sights if (gpu := self._judge(sight)))

    def _begin(self, index: int) -> _Sight:
        sight = self._sights.setdefault(index, _Sight())
        if sight.thread is None or not sight.thread.is_alive():
            # A daemon: a driver that never answers must not keep the agent from ending.
            sight.thread = threading.Thread(target=self._see, args=(index, sight), daemon=True)
            sight.thread.start()
        return sight

    def _see(self, index: int, sight: _Sight) -> None:
        sight.gpu, sight.since = self._look(index), time.monotonic()

    def _judge(self, sight: _Sight) -> Gpu | None:
        silent = time.monotonic() - sight.since
        if sight.gpu is None or silent < self._silent_s:
            return sight.gpu
        return sight.gpu.ill(Fault.SILENT, f"NVML has not answered about it for {silent:.0f} s: is the driver hung?")
