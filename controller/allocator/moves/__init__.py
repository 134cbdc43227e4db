"""From what runs to what shall run: which plan is worth its moves, and in which order they are made."""

from controller.allocator.moves.replan import Replanned, replan
from controller.allocator.moves.steps import Action, Step, steps
from controller.allocator.moves.walk import shortfalls

__all__ = ["Action", "Replanned", "Step", "replan", "shortfalls", "steps"]
