"""From what runs to what shall run: which plan is worth its moves, and in which order they are made."""

from controller.allocator.moves.replan import Replanned, replan
from controller.allocator.moves.steps import steps
from controller.allocator.moves.types import Action, Checked, Step
from controller.allocator.moves.walk import check_steps, shortfalls

__all__ = ["Action", "Checked", "Replanned", "Step", "check_steps", "replan", "shortfalls", "steps"]
