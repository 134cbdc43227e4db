"""Files by digest, on a folder and on another file system of fsspec's."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import FailedPrecondition, InvalidArgument, NotFound
from controller.artifacts.store import CHUNK, FileArtifacts
from tests.onnx_files import sha256

CONTENT = random.Random(0).randbytes(3 * CHUNK // 2)


@pytest.fixture(params=["file", "memory"])
async def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> FileArtifacts:
    """One store per file system."""
    url = (tmp_path / "models").as_uri() if request.param == "file" else f"memory://{uuid.uuid4().hex}"
    found = FileArtifacts(url)
    await found.prepare()
    return found


async def _chunks(content: bytes = CONTENT) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


async def _all(artifacts: FileArtifacts, offset: int = 0) -> bytes:
    return b"".join([chunk async for chunk in artifacts.read(sha256(CONTENT), offset)])


async def test_a_published_file_can_be_read(artifacts: FileArtifacts) -> None:
    """What was staged and published is read back, whole and from an offset; a second time it was there."""
    digest = sha256(CONTENT)
    for expected in (True, False):
        async with artifacts.staged(digest, len(CONTENT), _chunks()) as staged:
            assert staged.path.read_bytes() == CONTENT
            assert await artifacts.publish(staged) is expected
        assert not staged.path.exists()
    assert await _all(artifacts) == CONTENT
    assert await _all(artifacts, CHUNK + 3) == CONTENT[CHUNK + 3 :]
    assert await artifacts.size(digest) == len(CONTENT)
    await artifacts.discard(digest)
    await artifacts.discard(digest)
    with pytest.raises(NotFound):
        await _all(artifacts)
    with pytest.raises(NotFound):
        await artifacts.size(digest)


async def test_a_staged_file_is_not_kept(artifacts: FileArtifacts) -> None:
    """What is not published leaves nothing."""
    async with artifacts.staged(sha256(CONTENT), len(CONTENT), _chunks()) as staged:
        assert staged.path.exists()
    assert not staged.path.exists()
    with pytest.raises(NotFound):
        await artifacts.size(sha256(CONTENT))


@pytest.mark.parametrize(
    ("digest", "size"),
    [(sha256(b"other"), len(CONTENT)), (sha256(CONTENT), len(CONTENT) - 1), (sha256(CONTENT), len(CONTENT) + 1)],
)
async def test_wrong_announcements(artifacts: FileArtifacts, digest: str, size: int) -> None:
    """A digest or a size that does not fit is refused."""
    with pytest.raises(InvalidArgument):
        async with artifacts.staged(digest, size, _chunks()):
            raise AssertionError("it was taken")


async def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    """A stored file of the wrong size (a disk that filled up under it) is replaced by a good upload."""
    artifacts = FileArtifacts(tmp_path.as_uri())
    await artifacts.prepare()
    damaged = tmp_path / "sha256" / sha256(CONTENT).removeprefix("sha256:")
    damaged.write_bytes(CONTENT[:10])
    async with artifacts.staged(sha256(CONTENT), len(CONTENT), _chunks()) as staged:
        assert await artifacts.publish(staged)
    assert await _all(artifacts) == CONTENT


async def test_abandoned_uploads_are_cleared(tmp_path: Path) -> None:
    """What a crash left in staging goes at a later start, what is being received now stays."""
    staging = tmp_path / ".staging"
    staging.mkdir()
    old, new = staging / "upload-old", staging / "upload-new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 1e6,) * 2)
    await FileArtifacts(tmp_path.as_uri()).prepare()
    assert [path.name for path in staging.iterdir()] == ["upload-new"]


def test_unknown_url() -> None:
    """A kind of URL that fsspec does not know is one clear line."""
    with pytest.raises(FailedPrecondition, match="--models-url"):
        FileArtifacts("nosuch://x")
