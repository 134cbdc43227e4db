"""The last assignment on disk: what a device starts with when the controller is not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from common.names import is_digest
from edge_agent.model import Assignment


def load(path: Path) -> Assignment | None:
    """The assignment that was saved, or None if there is none that can be read."""
    try:
        saved = json.loads(path.read_text())
        found = Assignment(str(saved["bundle_digest"]), str(saved["target"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if is_digest(found.bundle_digest) else None


def save(path: Path, assignment: Assignment) -> None:
    """Replaces what was saved, atomically."""
    text = json.dumps({"bundle_digest": assignment.bundle_digest, "target": assignment.target})
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
