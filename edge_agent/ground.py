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
    _worked: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=WORKED))

    def worked(self, took_s: float, work_s: float) -> None:
        """Something took so long, of which the processor worked on it so long."""
        self._worked.append((took_s, work_s))

    @property
    def slowness(self) -> float:
        """Seconds that a second of work takes: more than 1 on a device that others use, or that is held to a quota."""
        took, worked = (sum(each) for each in zip((0.0, 0.0), *self._worked, strict=True))
        return max(1.0, took / worked) if worked else 1.0
