"""What all cuts of a model share on a device: the link, the whole model, and what a second of work takes; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from edge_agent.traffic import Traffic

WORKED = 48  # heads and encodings, that say what a second of work takes


@dataclass(slots=True)
class Ground:
    """Learned by whichever cut is in use, true for each. `local_s`: what the whole model takes, None: not known yet."""

    traffic: Traffic = field(default_factory=Traffic)
    local_s: float | None = None
    calibrating: bool = False
    _worked: deque[tuple[float, float]] = field(default_factory=deque)
    _took_s: float = 0.0
    _work_s: float = 0.0

    def worked(self, took_s: float, work_s: float) -> None:
        """Something took so long, of which the processor worked on it so long."""
        if len(self._worked) == WORKED:
            gone = self._worked.popleft()
            self._took_s, self._work_s = self._took_s - gone[0], self._work_s - gone[1]
        self._worked.append((took_s, work_s))
        self._took_s, self._work_s = self._took_s + took_s, self._work_s + work_s

    @property
    def slowness(self) -> float:
        """Seconds that a second of work takes: more than 1 on a device that others use, or that is held to a quota."""
        return max(1.0, self._took_s / self._work_s) if self._work_s > 0 else 1.0
