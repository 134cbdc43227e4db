"""An explanation in plain JSON types: the fields as named, and the sums that people ask for."""

from dataclasses import asdict
from typing import Any

from controller.allocator.explain.types import Explanation, WorkloadNote


def explanation_to_json(explanation: Explanation) -> dict[str, Any]:
    """Keys are the fields of `Explanation`; each workload also has its sums."""
    found = asdict(explanation)
    found["workloads"] = [asdict(one) | _sums(one) for one in explanation.workloads]
    found |= {"free_gpcs": explanation.free_gpcs, "stranded_gpcs": explanation.stranded_gpcs}
    return found


def _sums(note: WorkloadNote) -> dict[str, Any]:
    return {
        "planned": note.planned,
        "slack": note.slack,
        "slack_share": note.slack_share,
        "fill_ms": note.fill_ms,
        "fills_in_time": note.fills_in_time,
    }
