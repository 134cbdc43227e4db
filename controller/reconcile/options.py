"""How a turn decides: drain and grace times, the planner's own options, since when we lead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from controller import allocator
from controller.allocator.types import QUEUEING

ALGORITHMS = (allocator.OPTIMAL, allocator.PARVAGPU)


@dataclass(frozen=True, slots=True)
class Options:
    """Raises ValueError naming the field."""

    drain_s: float = 10.0  # from leaving xDS to being stopped: requests in flight finish
    offline_grace_s: float = 300.0  # how long a silent host keeps its share of the plan
    leading_since: datetime | None = None  # a host's silence counts from here at the earliest
    planner: allocator.Options = field(default_factory=allocator.Options)
    algorithm: str = allocator.PARVAGPU
    plan_s: float = 5.0  # of the optimal algorithm: the best plan by then
    share: bool = False  # light workloads share segments
    clock: Callable[[], float] = lambda: 0.0  # seconds, that `plan_s` is measured with; standing still: no limit

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm must be {' or '.join(ALGORITHMS)}, got {self.algorithm!r}")
        if self.share and self.algorithm != allocator.OPTIMAL:
            raise ValueError(f"share needs algorithm {allocator.OPTIMAL}, got {self.algorithm!r}")
        if self.share and self.planner.slo_model != QUEUEING:
            raise ValueError(f"share needs slo_model {QUEUEING}, got {self.planner.slo_model!r}")
        for name in ("drain_s", "offline_grace_s", "plan_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number of seconds, at least 0, got {getattr(self, name)}")
