"""The last assignment on disk: what a device starts with when the controller is not there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from common.names import is_digest
from edge_agent.model import Assignment, CutAt


def load(path: Path) -> Assignment | None:
    """The assignment that was saved, or None if there is none that can be read."""
    try:
        saved = json.loads(path.read_text())
        others = tuple(_cut(one) for one in saved.get("others", ()))
        found = Assignment(str(saved["bundle_digest"]), str(saved["target"]), others=others)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if is_digest(found.bundle_digest) else None


def _cut(saved: dict[str, str]) -> CutAt:
    return CutAt(str(saved["bundle_digest"]), str(saved["target"]))


def save(path: Path, assignment: Assignment) -> None:
    """Replaces what was saved, atomically; spares the disk where that is the same."""
    if load(path) == replace(assignment, message=""):
        return
    others = [asdict(one) for one in assignment.others]
    text = json.dumps({"bundle_digest": assignment.bundle_digest, "target": assignment.target, "others": others})
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
