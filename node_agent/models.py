"""Model files by digest: a cache on disk, filled through ModelService.DownloadModel, every file verified."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import grpc
import structlog
from grpc import aio

from common.digests import file_digest
from common.errors import OutOfRange, ResourceExhausted, Unavailable
from common.rpc.status import from_rpc_error
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc

log = structlog.get_logger("models")
STALL_S = 30.0
KEPT_BYTES = 10 << 30  # files that no segment needs are kept up to so much, the last used longest
SPARE_BYTES = 256 << 20  # what a download leaves free on the disk


class ModelCache:
    """Files named by their SHA-256 under `folder`; one download of a digest at a time, resumed where it stopped."""

    def __init__(self, folder: Path, channel: aio.Channel, kept_bytes: int = KEPT_BYTES) -> None:
        self.folder = folder
        self._stub = model_pb2_grpc.ModelServiceStub(channel)
        self._downloads: dict[str, asyncio.Task[None]] = {}
        self._kept_bytes = kept_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, digest: str) -> Path | None:
        """The verified file of that digest; None while it is being downloaded.

        Raises why the last download failed, once; the next call begins again. NotFound, Unavailable,
        ResourceExhausted (no room on the disk).
        """
        path = self.folder / digest.removeprefix("sha256:")
        if path.exists():
            os.utime(path)
            return path
        task = self._downloads.get(digest)
        if task is None:
            self._downloads[digest] = asyncio.create_task(self._download(digest, path))
        elif task.done():
            del self._downloads[digest]
            task.result()
        return None

    def prune(self, wanted: Collection[str]) -> None:
        """Removes files that no segment needs, the longest unused first, until what is left of them fits."""
        under_way = [digest for digest, task in self._downloads.items() if not task.done()]
        names = {digest.removeprefix("sha256:") for digest in (*wanted, *under_way)}
        idle = [(path, path.stat()) for path in self.folder.iterdir() if path.stem not in names]
        room = self._kept_bytes
        for path, stat in sorted(idle, key=lambda entry: entry[1].st_mtime, reverse=True):
            room -= stat.st_size
            if room < 0:
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Stops downloading; what has arrived is kept for the next time."""
        for task in self._downloads.values():
            task.cancel()
        await asyncio.gather(*self._downloads.values(), return_exceptions=True)

    async def _download(self, digest: str, path: Path) -> None:
        part = path.with_suffix(".part")
        try:
            with part.open("ab") as file:
                await self._receive(digest, file)
        except grpc.RpcError as error:
            failure = from_rpc_error(error)
            if isinstance(failure, OutOfRange):  # more has arrived than there is: not what we want
                part.unlink(missing_ok=True)
            failure.within(f"cannot download {digest}")
            raise failure from error
        except TimeoutError as error:
            raise Unavailable(f"the download of {digest} stalled for {STALL_S:.0f} s") from error
        if await asyncio.to_thread(file_digest, part) != digest:
            part.unlink()
            raise Unavailable(f"the download of {digest} arrived damaged: trying again")
        part.rename(path)
        log.info("model downloaded", digest=digest, bytes=path.stat().st_size)

    async def _receive(self, digest: str, file: BinaryIO) -> None:
        request = model_pb2.DownloadModelRequest(digest=digest, offset=file.tell())
        stream = self._stub.DownloadModel(request)
        answers, size = stream.__aiter__(), 0
        try:
            while (answer := await asyncio.wait_for(anext(answers, None), STALL_S)) is not None:
                if answer.size_bytes:
                    size = answer.size_bytes
                    self._check_room(digest, size - file.tell())
                if size and file.tell() + len(answer.chunk) > size:
                    return  # longer than announced: the digest will not fit, and the part is thrown away
                await asyncio.to_thread(file.write, answer.chunk)
        finally:
            stream.cancel()

    def _check_room(self, digest: str, missing: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if missing + SPARE_BYTES > free:
            text = f"no room for {digest}: {missing >> 20} MiB to come, {free >> 20} MiB free in {self.folder}"
            raise ResourceExhausted(f"{text}; make room or move --state-dir", reason="DISK_FULL")
