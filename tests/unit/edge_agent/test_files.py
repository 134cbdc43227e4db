"""Files: which are complete, results and what is kept of them, the assignment, bundles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InvalidArgument, Unavailable
from edge_agent import memory
from edge_agent.bundles import BundleStore
from edge_agent.inputs.complete import complete
from edge_agent.model import Answer, Assignment, Reason, Timing, Where
from edge_agent.results import Results, answered


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.jpg", "a.jpeg", "a.bmp"])
def test_only_whole_files_are_complete(tmp_path: Path, name: str) -> None:
    """A file is complete with its last byte and not before."""
    path = tmp_path / name
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    if name.endswith("npy"):
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    content = path.read_bytes()
    assert complete(path)
    for length in (0, 1, 5, 11, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert not complete(path), length


def test_other_files_are_never_complete(tmp_path: Path) -> None:
    """What has no known format, or is not there, cannot be told complete."""
    (tmp_path / "a.txt").write_text("x")
    assert not complete(tmp_path / "a.txt")
    assert not complete(tmp_path / "gone.npy")


def test_results_are_lines(tmp_path: Path) -> None:
    """A line says everything about a frame; small tensors stand in it, all become files, NaN stays readable."""
    results = Results(str(tmp_path / "r" / "results.jsonl"), tmp_path / "out")
    small = np.array([1.5, np.nan], np.float32)
    large = np.zeros((300,), np.int64)
    timing = Timing(local_ms=1.23456, total_ms=2)
    results.write(
        Answer("a/b.npy", Where.LOCAL, {"s": small, "l": large}, Reason.DEADLINE, late=True, bundle="d", timing=timing)
    )
    results.write(Answer("c", Where.FAILED, {}, error="it broke"))
    results.close()
    first, second = (json.loads(line) for line in (tmp_path / "r" / "results.jsonl").read_text().splitlines())
    assert (first["frame"], first["answered_by"], first["fallback_reason"]) == ("a/b.npy", "local", "DEADLINE")
    assert (first["late"], first["timing_ms"]["local"]) == (True, 1.235)
    outputs = {output["name"]: output for output in first["outputs"]}
    assert outputs["s"]["data"] == [1.5, "nan"]
    assert outputs["s"]["sha256"] == hashlib.sha256(small.tobytes()).hexdigest()
    assert "data" not in outputs["l"]
    np.testing.assert_array_equal(np.load(outputs["l"]["file"]), large)
    assert Path(outputs["l"]["file"]).parent == tmp_path / "out"
    assert (second["answered_by"], second["error"], second["outputs"]) == ("failed", "it broke", [])
    assert answered(str(tmp_path / "r" / "results.jsonl")) == {"a/b.npy", "c"}


def test_the_assignment_is_remembered(tmp_path: Path) -> None:
    """What was saved comes back; nothing, or what cannot be read, is no assignment."""
    path = tmp_path / "assignment.json"
    assert memory.load(path) is None
    told = Assignment(digest(b"x"), "xds:///net")
    memory.save(path, told)
    assert memory.load(path) == told
    for broken in ("", "{", "[]", '{"bundle_digest": "no", "target": ""}', '{"target": ""}'):
        path.write_text(broken)
        assert memory.load(path) is None


async def test_downloads_continue_and_are_verified(tmp_path: Path) -> None:
    """A download that breaks off is continued where it ended; a wrong file is refused, and begun anew."""
    content, asked = bytes(range(256)) * 100, list[int]()

    async def fetch(_: str, offset: int) -> AsyncIterator[bytes]:
        asked.append(offset)
        yield content[offset : offset + 10_000]
        if len(asked) == 1:
            raise Unavailable("the line went dead")
        yield content[offset + 10_000 :]

    async def wrong(_: str, offset: int) -> AsyncIterator[bytes]:
        yield b"something else"

    store = BundleStore(tmp_path)
    with pytest.raises(Unavailable, match="dead"):
        await store.ensure(digest(content), fetch)
    assert store.find(digest(content)) is None
    path = await store.ensure(digest(content), fetch)
    assert (path.read_bytes(), asked) == (content, [0, 10_000])
    await store.ensure(digest(content), fetch)
    assert len(asked) == 2
    with pytest.raises(Unavailable, match="anew"):
        await store.ensure(digest(b"other"), wrong)
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(InvalidArgument, match="digest"):
        await store.ensure("../../etc/passwd", fetch)


async def test_old_bundles_go(tmp_path: Path) -> None:
    """The last two bundles are kept, to go back without a download."""
    store = BundleStore(tmp_path, keep=2)
    contents = [b"one", b"two", b"three"]
    for content in contents:

        async def fetch(_: str, offset: int, content: bytes = content) -> AsyncIterator[bytes]:
            yield content[offset:]

        await store.ensure(digest(content), fetch)
    assert [store.find(digest(content)) is not None for content in contents] == [False, True, True]
