"""Unequal GPUs: what is there to plan on, and the plan over all of it; frozen values. Costs are per GPU and hour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.mig import Geometry
from controller.allocator.types import Options, Plan, ProfileTable, Service, Unservable

Planner = Callable[[Sequence[Service], Mapping[str, ProfileTable], Options], Plan]
Profiles = Mapping[str, Mapping[str, ProfileTable]]  # by product, then by model


@dataclass(frozen=True, slots=True)
class Stock:
    """GPUs of one product at one cost. Raises ValueError naming the field."""

    geometry: Geometry
    count: int | None = None  # None: as many as it takes
    cost_per_hour: float = 1.0

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise ValueError(f"count must be at least 0, got {self.count}")
        if not 0 < self.cost_per_hour < math.inf:
            raise ValueError(f"cost_per_hour must be a finite number above 0, got {self.cost_per_hour}")

    @property
    def product(self) -> str:
        """What its profiles are filed under."""
        return self.geometry.product


@dataclass(frozen=True, slots=True)
class StockPlan:
    """The plan of the services that one stock serves; its GPUs count from 0."""

    stock: Stock
    plan: Plan

    @property
    def cost_per_hour(self) -> float:
        """Of the GPUs used."""
        return self.stock.cost_per_hour * self.plan.gpus


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """One plan per stock, in the order given; each service stands on one stock as a whole."""

    parts: tuple[StockPlan, ...]
    unservable: tuple[Unservable, ...]  # in the order of the services
    cost_lower_bound: float  # no plan for the served services, each on one stock, costs less per hour

    @property
    def cost_per_hour(self) -> float:
        """Of all GPUs used."""
        return math.fsum(part.cost_per_hour for part in self.parts)

    @property
    def gpus(self) -> int:
        """GPUs used."""
        return sum(part.plan.gpus for part in self.parts)

    @property
    def gpcs(self) -> int:
        """GPCs used."""
        return sum(part.plan.gpcs for part in self.parts)

    @property
    def proven_optimal(self) -> bool:
        """Whether no plan of the served services costs less."""
        return self.cost_per_hour <= self.cost_lower_bound * (1 + 1e-9)
