"""The last assignment on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent import memory
from edge_agent.model import Assignment, CutAt

A, B = (f"sha256:{digit * 64}" for digit in "ab")


def test_there_and_back(tmp_path: Path) -> None:
    """With the cuts beside it; what an older agent wrote has none."""
    path = tmp_path / "assignment.json"
    for wanted in (Assignment(A, "xds:///a"), Assignment(A, "xds:///a", others=(CutAt(B, "xds:///b"),))):
        memory.save(path, wanted)
        assert memory.load(path) == wanted
    before = path.stat().st_ino
    memory.save(path, wanted)
    assert path.stat().st_ino == before, "the same is not written again"
    path.write_text(f'{{"bundle_digest": "{A}", "target": "xds:///a"}}')
    assert memory.load(path) == Assignment(A, "xds:///a")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bundle_digest": "x", "target": ""}'])
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """A device starts without."""
    path = tmp_path / "assignment.json"
    path.write_text(text)
    assert memory.load(path) is None
    path.write_text(f'{{"bundle_digest": "{A}", "target": "", "others": [3]}}')
    assert memory.load(path) is None
