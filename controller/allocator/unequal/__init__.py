"""Planning over unequal GPUs: the cheapest stocks of several products, proven or with the proven gap."""

from controller.allocator.unequal.planning import plan_unequal
from controller.allocator.unequal.types import FleetPlan, Stock, StockPlan

__all__ = ["FleetPlan", "Stock", "StockPlan", "plan_unequal"]
