"""The plans compared: both algorithms under both rules, and the queueing rule for traffic without bursts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from controller.allocator import Options, Plan, ProfileTable, Service, plan, plan_optimal
from controller.allocator.types import HALF, QUEUEING
from controller.reconcile.demand import queue_delay_us

Planner = Callable[[Sequence[Service], Mapping[str, ProfileTable], Options], Plan]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to plan; `name` is what tables show."""

    name: str
    planner: Planner
    options: Options

    def delay_ms(self, service: Service) -> float:
        """What the batcher may wait for company: as the controller sets it by the paper's rule; else nothing."""
        if self.options.slo_model == QUEUEING:
            return 0.0
        return queue_delay_us(service.slo_ms, self.options) / 1000


def variants(burstiness: float) -> list[Variant]:
    """The paper's plan first."""
    half, poisson = Options(slo_model=HALF), Options(slo_model=QUEUEING, burstiness=1.0)
    bursty = Options(slo_model=QUEUEING, burstiness=burstiness)
    return [
        Variant("ParvaGPU, half", plan, half),
        Variant("optimal, half", plan_optimal, half),
        Variant("optimal, queueing, burstiness 1", plan_optimal, poisson),
        Variant("ParvaGPU, queueing", plan, bursty),
        Variant("optimal, queueing", plan_optimal, bursty),
    ]
