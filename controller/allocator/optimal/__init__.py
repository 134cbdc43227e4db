"""The allocator's optimal planner: the fewest GPUs over all legal layouts, proven or with the proven gap."""

from controller.allocator.optimal.planner import OPTIMAL, plan_optimal

__all__ = ["OPTIMAL", "plan_optimal"]
