"""The model cache against a ModelService in this process: downloads are resumed, verified and bounded."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.errors import NotFound, OutOfRange, ResourceExhausted, SliceplaneError, Unavailable
from common.rpc.channel import aio_channel
from common.rpc.server import add, build
from node_agent.models import ModelCache
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc

CONTENT = bytes(range(256)) * 4096
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
STEP = 100_000


class Store(model_pb2_grpc.ModelServiceServicer):
    """Sends `content`, says that it has `size` bytes, breaks off after `breaks` chunks; keeps the offsets asked for."""

    def __init__(self) -> None:
        self.content, self.size, self.breaks = CONTENT, len(CONTENT), -1
        self.offsets: list[int] = []

    async def DownloadModel(self, request: Any, context: Any) -> AsyncIterator[model_pb2.DownloadModelResponse]:
        """As the proto says."""
        self.offsets.append(request.offset)
        if request.digest != DIGEST:
            raise NotFound("model version", request.digest)
        if request.offset > len(self.content):
            raise OutOfRange("past the end")
        yield model_pb2.DownloadModelResponse(digest=DIGEST, size_bytes=self.size)
        for number, start in enumerate(range(request.offset, len(self.content), STEP)):
            if number == self.breaks:
                raise Unavailable("gone")
            yield model_pb2.DownloadModelResponse(chunk=self.content[start : start + STEP])

    UploadModel = GetModel = ListModels = DeleteModel = None  # type: ignore[assignment]  # no agent calls them


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[Store, ModelCache]]:
    """A store being served and an empty cache."""
    store, server = Store(), build(["127.0.0.1:0"])
    add(server, "sliceplane.model.v1.ModelService", model_pb2_grpc.add_ModelServiceServicer_to_server, store)
    await server.start()
    async with aio_channel(f"127.0.0.1:{server.ports[0]}") as channel:
        cache = ModelCache(tmp_path, channel, kept_bytes=len(CONTENT))
        yield store, cache
        await cache.close()
    await server.stop(0)


async def fetch(cache: ModelCache, digest: str = DIGEST) -> Path:
    """Polls as the agent does."""
    for _ in range(1000):
        if path := cache.find(digest):
            return path
        await asyncio.sleep(0.01)
    raise AssertionError("it never arrived")


async def test_arrives_whole_and_once(world: tuple[Store, ModelCache]) -> None:
    """The file is there, verified, after one download, whoever asks how often."""
    store, cache = world
    path, again = await asyncio.gather(fetch(cache), fetch(cache))
    assert path == again
    assert path.read_bytes() == CONTENT
    assert await fetch(cache) == path
    assert store.offsets == [0]


async def test_goes_on_where_it_broke_off(world: tuple[Store, ModelCache]) -> None:
    """A broken download is an error once; the next begins where it stopped, in a new agent, too."""
    store, cache = world
    store.breaks = 3
    with pytest.raises(Unavailable, match="cannot download"):
        await fetch(cache)
    store.breaks = -1
    assert (await fetch(cache)).read_bytes() == CONTENT
    assert store.offsets == [0, 3 * STEP]


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT[:-1], CONTENT + b"x", b""])
async def test_what_is_not_the_digest_is_thrown_away(world: tuple[Store, ModelCache], content: bytes) -> None:
    """Damaged, short or long: never used, told, and begun again from the start."""
    store, cache = world
    store.content = content
    with pytest.raises(Unavailable, match="damaged"):
        await fetch(cache)
    store.content = CONTENT
    assert (await fetch(cache)).read_bytes() == CONTENT
    assert store.offsets[-1] == 0


async def test_a_part_that_is_too_long_is_begun_again(world: tuple[Store, ModelCache], tmp_path: Path) -> None:
    """A part longer than the file, of a disk gone wrong, is dropped."""
    _, cache = world
    (tmp_path / f"{DIGEST[7:]}.part").write_bytes(CONTENT + b"x")
    with pytest.raises(OutOfRange):
        await fetch(cache)
    assert (await fetch(cache)).read_bytes() == CONTENT


async def test_unknown_and_too_large(world: tuple[Store, ModelCache]) -> None:
    """A version that there is not, and one that the disk has no room for, say so before a byte is taken."""
    store, cache = world
    with pytest.raises(NotFound, match="cannot download"):
        await fetch(cache, f"sha256:{'0' * 64}")
    store.size = 1 << 60
    with pytest.raises(ResourceExhausted, match="no room"):
        await fetch(cache)


async def test_prune_keeps_what_is_needed_and_what_was_used_last(
    world: tuple[Store, ModelCache], tmp_path: Path
) -> None:
    """Files that a segment needs stay whatever their size; of the others the last used, as far as there is room."""
    _, cache = world
    downloaded = await fetch(cache)
    for age, letter in enumerate("abc"):
        idle = tmp_path / (letter * 64)
        idle.write_bytes(b"0" * (len(CONTENT) // 2))
        os.utime(idle, (1000 - age, 1000 - age))
    cache.prune({DIGEST})
    assert {path.name[0] for path in tmp_path.iterdir()} == {DIGEST[7], "a", "b"}
    os.utime(downloaded, (0, 0))
    cache.prune({f"sha256:{'b' * 64}"})  # of what was downloaded just as of what was found here
    assert {path.name[0] for path in tmp_path.iterdir()} == {"a", "b"}


async def test_no_controller_is_unavailable(tmp_path: Path) -> None:
    """Without a controller a cached file is found, and another one is an error of the closed set."""
    async with aio_channel("127.0.0.1:1") as channel:
        cache = ModelCache(tmp_path, channel)
        (tmp_path / DIGEST[7:]).write_bytes(CONTENT)
        assert cache.find(DIGEST) is not None
        with pytest.raises(SliceplaneError):
            await fetch(cache, f"sha256:{'0' * 64}")
