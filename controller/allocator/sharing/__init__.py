"""Light services share a segment: executions one at a time, each tenant within its SLO whatever their order."""

from controller.allocator.sharing.planning import Planner, plan_shared

__all__ = ["Planner", "plan_shared"]
