"""Results as lines: what a crash leaves of them, full disks and rotation."""

from __future__ import annotations

import json
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ResourceExhausted
from edge_agent.outputs.lines import JsonLines
from edge_agent.queue.model import Result


def result(number: int, queue: str = "q", filler: int = 0) -> Result:
    line = json.dumps({"frame": str(number), "queue": queue, "number": number, "filler": "x" * filler})
    return Result(number, "cam", line)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=5), st.floats(0, 1), st.integers(0, 40))
async def test_cut_at_any_byte(fillers: list[int], share: float, zeros: int) -> None:
    """Whole lines stay and tell how far it got; what a crash cut short, or zeros of a power loss, is removed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        sink = JsonLines(path, "q")
        await sink.write([result(number, filler=filler) for number, filler in enumerate(fillers, 1)])
        sink.close()
        content = path.read_bytes()
        left = content[: int(share * len(content))]
        path.write_bytes(left + bytes(zeros))
        whole = left.count(b"\n")
        again = JsonLines(path, "q")
        assert again.reached == whole
        await again.write([result(whole + 1)])
        again.close()
        assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == list(range(1, whole + 2))


async def test_lines_of_others_stay(tmp_path: Path) -> None:
    """Lines of another queue count for nothing and are not touched; text without an end gets one."""
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join([result(7).line, result(9, "other").line, "a note"]))
    sink = JsonLines(path, "q")
    assert sink.reached == 7
    await sink.write([result(8)])
    sink.close()
    assert path.read_text().splitlines() == [result(7).line, result(9, "other").line, "a note", result(8).line]


async def test_full_disk_leaves_no_piece(tmp_path: Path) -> None:
    """A line that does not fit leaves no piece; those before it stay, so that no reader sees one twice."""
    path = tmp_path / "results.jsonl"
    sink = JsonLines(path, "q")
    await sink.write([result(1)])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(ResourceExhausted, match="cannot be written"):
            await sink.write([result(2), result(3, filler=1000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text().splitlines() == [result(1).line, result(2).line]
    assert sink.reached == 2
    await sink.write([result(3, filler=1000)])
    sink.close()
    assert path.read_text().count("\n") == 3


async def test_rotated(tmp_path: Path) -> None:
    """A file that was moved away is begun anew."""
    path = tmp_path / "results.jsonl"
    sink = JsonLines(path, "q")
    await sink.write([result(1)])
    path.rename(tmp_path / "old")
    await sink.write([result(2)])
    sink.close()
    assert path.read_text() == result(2).line + "\n"
