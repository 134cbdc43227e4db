"""A plan over unequal GPUs as JSON: as `plan_to_json` has it, GPUs numbered on over the stocks, and what they cost."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from controller.allocator.plan_json import plan_to_json
from controller.allocator.unequal.types import FleetPlan, StockPlan


def fleet_plan_to_json(fleet: FleetPlan, elapsed_ms: float) -> dict[str, Any]:
    """Plain JSON types; costs per hour. Each segment names its `product`; `stocks` has what is used of each.

    `lower_bound` is that of the GPUs for the services as they are assigned; `proven_optimal` speaks of the cost.
    """
    parts = [plan_to_json(part.plan, 0.0) for part in fleet.parts]
    before = accumulate((part.plan.gpus for part in fleet.parts), initial=0)
    segments = [
        {**segment, "gpu": first + segment["gpu"], "product": part.stock.product}
        for part, said, first in zip(fleet.parts, parts, before, strict=False)
        for segment in said["segments"]
    ]
    return {
        "algorithm": fleet.parts[0].plan.algorithm,
        "gpus": fleet.gpus,
        "lower_bound": sum(part.plan.lower_bound for part in fleet.parts),
        "proven_optimal": fleet.proven_optimal,
        "elapsed_ms": round(elapsed_ms, 3),
        "gpcs": fleet.gpcs,
        "cost_per_hour": fleet.cost_per_hour,
        "cost_lower_bound": fleet.cost_lower_bound,
        "stocks": [_stock(part) for part in fleet.parts],
        "segments": segments,
        "unservable": [
            {"workload": one.service, "reason": one.reason.value, "detail": one.detail} for one in fleet.unservable
        ],
    }


def _stock(part: StockPlan) -> dict[str, Any]:
    return {
        "product": part.stock.product,
        "count": part.stock.count,
        "gpus": part.plan.gpus,
        "cost_per_hour": part.stock.cost_per_hour,
    }
