"""Model files by digest: a cache on disk, filled through ModelService.DownloadModel, every file verified."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import grpc
from grpc import aio

from common.errors import Unavailable
from common.rpc.status import from_rpc_error
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc

STALL_S = 30.0


class ModelCache:
    """Files named by their SHA-256 under `folder`; one download of a digest at a time, resumed where it stopped."""

    def __init__(self, folder: Path, channel: aio.Channel) -> None:
        self.folder = folder
        self._stub = model_pb2_grpc.ModelServiceStub(channel)
        self._locks: dict[str, asyncio.Lock] = {}
        folder.mkdir(parents=True, exist_ok=True)

    async def fetch(self, digest: str) -> Path:
        """The verified file of that digest. NotFound; Unavailable, also if it arrives damaged: try again."""
        path = self.folder / digest.removeprefix("sha256:")
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if not path.exists():
                await self._download(digest, path)
        return path

    async def _download(self, digest: str, path: Path) -> None:
        part = path.with_suffix(".part")
        offset = part.stat().st_size if part.exists() else 0
        request = model_pb2.DownloadModelRequest(digest=digest, offset=offset)
        try:
            with part.open("ab") as file:
                stream = self._stub.DownloadModel(request).__aiter__()
                while (answer := await asyncio.wait_for(anext(stream, None), STALL_S)) is not None:
                    await asyncio.to_thread(file.write, answer.chunk)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        except TimeoutError as error:
            raise Unavailable(f"the download of {digest} stalled for {STALL_S:.0f} s") from error
        if await asyncio.to_thread(_sha256, part) != digest:
            part.unlink()
            raise Unavailable(f"the download of {digest} arrived damaged")
        part.rename(path)

    def prune(self, wanted: set[str]) -> None:
        """Removes files that no segment needs."""
        names = {digest.removeprefix("sha256:") for digest in wanted}
        for path in self.folder.iterdir():
            if path.stem not in names:
                path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
