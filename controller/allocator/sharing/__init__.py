"""Light services share a segment: executions one at a time, each tenant within its SLO whatever their order."""

from controller.allocator.sharing.bound import lower_bound
from controller.allocator.sharing.grouping import Group, group
from controller.allocator.sharing.keeping import kept
from controller.allocator.sharing.light import Light, lights
from controller.allocator.sharing.planning import Planner, plan_shared
from controller.allocator.sharing.priorities import priorities
from controller.allocator.sharing.pseudo import Pseudo, pseudo_of

__all__ = [
    "Group",
    "Light",
    "Planner",
    "Pseudo",
    "group",
    "kept",
    "lights",
    "lower_bound",
    "plan_shared",
    "priorities",
    "pseudo_of",
]
