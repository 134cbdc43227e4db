"""Files by their SHA-256 under one URL; what is there is whole and right, what failed leaves nothing."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from common.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, Violation
from controller.ports_public import Staged

CHUNK = 1 << 20
LIMIT = 2 << 30
ABANDONED_S = 24 * 3600.0


class FileArtifacts:
    """Implements Artifacts. File work runs in threads: the event loop never waits for a disk."""

    def __init__(self, url: str, *, limit_bytes: int = LIMIT) -> None:
        """`url`: "file:///dir", "s3://bucket/dir", ... FailedPrecondition if fsspec does not know its kind."""
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise FailedPrecondition("models-url", f"cannot use --models-url {url}: {error}") from error
        self._limit = limit_bytes
        self._local = isinstance(self._fs, LocalFileSystem)
        self._staging = Path(self._root) / ".staging" if self._local else Path(tempfile.gettempdir())

    @property
    def limit_bytes(self) -> int:
        """Size above which no version is taken."""
        return self._limit

    async def prepare(self) -> None:
        """Makes the folders and clears what uploads left that were cut off by a crash."""
        try:
            await asyncio.to_thread(self._prepare)
        except OSError as error:
            said = f"cannot use the model store {self._root}: {error.strerror or error}; give another --models-url"
            raise FailedPrecondition("models-url", said) from error

    def _prepare(self) -> None:
        self._fs.makedirs(f"{self._root}/sha256", exist_ok=True)
        self._staging.mkdir(parents=True, exist_ok=True)
        for path in self._staging.iterdir() if self._local else ():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - ABANDONED_S:
                    path.unlink()

    @asynccontextmanager
    async def staged(self, digest: str, size_bytes: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[Staged]:
        """Receives and checks a file. InvalidArgument, ResourceExhausted. At its end nothing unpublished is kept."""
        path = self._staging / f"upload-{uuid.uuid4().hex}"
        try:
            with _space_left():
                await _receive(path, digest, size_bytes, chunks)
                yield Staged(digest, size_bytes, path)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def publish(self, staged: Staged) -> bool:
        """Makes a staged file part of the store, atomically; False if it was there already."""
        return await asyncio.to_thread(self._publish, staged)

    def _publish(self, staged: Staged) -> bool:
        target = self._path(staged.digest)
        if self._fs.exists(target) and self._fs.size(target) == staged.size_bytes:
            return False
        if self._local:
            Path(staged.path).replace(target)
        else:
            self._fs.put_file(str(staged.path), f"{target}.part")
            self._fs.mv(f"{target}.part", target)
        return True

    async def size(self, digest: str) -> int:
        """Bytes of a version. NotFound."""
        try:
            return int(await asyncio.to_thread(self._fs.size, self._path(digest)))
        except FileNotFoundError:
            raise NotFound("model version", digest) from None

    async def read(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, at most 1 MiB at once. NotFound."""
        try:
            file: Any = await asyncio.to_thread(self._fs.open, self._path(digest), "rb")
        except FileNotFoundError:
            raise NotFound("model version", digest) from None
        try:
            await asyncio.to_thread(file.seek, offset)
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
        finally:
            file.close()

    async def discard(self, digest: str) -> None:
        """Removes a version, if it is there."""
        with suppress(FileNotFoundError):
            await asyncio.to_thread(self._fs.rm_file, self._path(digest))

    def _path(self, digest: str) -> str:
        return f"{self._root}/sha256/{digest.removeprefix('sha256:')}"


class _space_left:  # noqa: N801 - a context manager, named as one
    """Turns "no space left on device" into the error that says so."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceExhausted("no space is left in the model store", reason="NO_SPACE") from error


async def _receive(path: Path, digest: str, size_bytes: int, chunks: AsyncIterator[bytes]) -> None:
    seen, received = hashlib.sha256(), 0
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in chunks:
            received += len(chunk)
            if received > size_bytes:
                raise InvalidArgument(Violation("chunk", f"more than the {size_bytes} bytes that the header announced"))
            await asyncio.to_thread(_append, file, seen, chunk)
        await asyncio.to_thread(_sync, file)
    if received != size_bytes:
        said = f"{size_bytes} bytes were announced, {received} came"
        raise InvalidArgument(Violation("header.size_bytes", said), reason="SIZE_MISMATCH")
    found = f"sha256:{seen.hexdigest()}"
    if found != digest:
        said = f"{digest} was announced, the content has {found}"
        raise InvalidArgument(Violation("header.digest", said), reason="DIGEST_MISMATCH")


def _append(file: Any, seen: Any, chunk: bytes) -> None:
    file.write(chunk)
    seen.update(chunk)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
