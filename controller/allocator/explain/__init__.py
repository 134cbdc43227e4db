"""Why a plan is as it is, and what differs between two."""

from controller.allocator.explain.as_json import explanation_to_json
from controller.allocator.explain.diff import PlanDiff, diff, diff_lines
from controller.allocator.explain.explaining import explain
from controller.allocator.explain.outline import Outline, outline, read_outline
from controller.allocator.explain.text import explanation_lines
from controller.allocator.explain.types import Explanation

__all__ = [
    "Explanation",
    "Outline",
    "PlanDiff",
    "diff",
    "diff_lines",
    "explain",
    "explanation_lines",
    "explanation_to_json",
    "outline",
    "read_outline",
]
