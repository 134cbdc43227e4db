"""Planning over unequal GPUs: the cheapest stocks of several products, proven or with the proven gap."""

from controller.allocator.unequal.as_json import fleet_plan_to_json
from controller.allocator.unequal.planning import plan_unequal
from controller.allocator.unequal.profiles import parse_profiles_by_product
from controller.allocator.unequal.types import FleetPlan, Stock, StockPlan

__all__ = ["FleetPlan", "Stock", "StockPlan", "fleet_plan_to_json", "parse_profiles_by_product", "plan_unequal"]
