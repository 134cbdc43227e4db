"""Bundles on this device: fetched by digest with resume, verified, stored atomically, old ones dropped."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from common.digests import file_digest
from common.errors import InvalidArgument, Unavailable, Violation
from common.names import is_digest
from edge_agent.queue.machine import sync_folder

Fetch = Callable[[str, int], AsyncIterator[bytes]]
"""The bytes of the file with that digest from that offset on, in chunks; raises Unavailable, NotFound."""


MISMATCH = "DIGEST_MISMATCH"
"""Reason of the error when a download is not the file that was asked for."""


class BundleStore:
    """Files named by their SHA-256 in `folder`; the last `keep` used are kept, to go back without a download."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, count: int) -> None:
        """Keeps so many of the last used from now on."""
        self._keep = count

    def find(self, digest: str) -> Path | None:
        """Where the verified file is, if it is here."""
        path = self._path(digest)
        return path if path.exists() else None

    async def ensure(self, digest: str, fetch: Fetch) -> Path:
        """The file, downloaded unless it is here; what a broken download left is continued.

        Raises InvalidArgument for a digest that is none, Unavailable if the download breaks off or does not verify.
        """
        path = self._path(digest)
        if path.exists() and await asyncio.to_thread(file_digest, path) != digest:
            path.unlink()  # damaged since
        if not path.exists():
            part = path.with_suffix(".part")
            offset = part.stat().st_size if part.exists() else 0
            try:
                with part.open("ab") as file:
                    async for chunk in fetch(digest, offset):
                        await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_seal, part, path, digest)
            except OSError as error:  # a full disk: tried again, and continued, when there is room
                raise Unavailable(f"the bundle {digest} cannot be stored: {error.strerror}") from error
        os.utime(path)
        self._drop_old(path)
        return path

    async def adopt(self, path: Path, digest: str) -> None:
        """Keeps a copy of a verified file, to run on from when its own place has it no more. Raises Unavailable."""
        kept = self._path(digest)
        if not kept.exists() or await asyncio.to_thread(file_digest, kept) != digest:
            part = kept.with_suffix(".part")
            try:
                await asyncio.to_thread(shutil.copyfile, path, part)
                await asyncio.to_thread(_seal, part, kept, digest)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise Unavailable(f"no copy of {path} can be kept: {error.strerror}") from error
        os.utime(kept)
        self._drop_old(kept)

    def _path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise InvalidArgument(Violation("bundle_digest", f'"{digest[:80]}" is not "sha256:" and 64 hex digits'))
        return self._folder / f"{digest.removeprefix('sha256:')}.bundle"

    def _drop_old(self, used: Path) -> None:
        stored = sorted(self._folder.glob("*.bundle"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
        for path in stored[self._keep :]:
            if path != used:
                path.unlink()
        for part in self._folder.glob("*.part"):
            part.unlink()


def _seal(part: Path, path: Path, digest: str) -> None:
    """Verifies the download and gives it its name; a wrong one is removed, to begin anew."""
    found = file_digest(part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if found != digest:
        part.unlink()
        raise Unavailable(f"the download of {digest} has digest {found}; it is fetched anew", reason=MISMATCH)
    part.rename(path)
    sync_folder(path.parent)
