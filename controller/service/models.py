"""What the API does with models: takes uploads, tells what they are, gives them out again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import InvalidArgument, ResourceExhausted, Violation
from common.names import name_violation
from controller.model import Model, Page, Tensor
from controller.ports_public import Artifacts, ModelStore, ModelVersion
from controller.service import rules


@dataclass(frozen=True, slots=True)
class Header:
    """What an upload announces; `format` empty: told from the content."""

    name: str
    digest: str
    size_bytes: int
    format: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file turned out to be."""

    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batchable: bool


# Tells what a local file is; InvalidArgument if nothing that can be served.
Inspect = Callable[[Path], Awaitable[Facts]]


class Models:
    """Keeps models and bundles."""

    def __init__(self, store: ModelStore, artifacts: Artifacts, inspect: Inspect) -> None:
        self._store, self._artifacts, self._inspect = store, artifacts, inspect

    async def upload(self, header: Header, chunks: AsyncIterator[bytes]) -> tuple[Model, bool]:
        """Stores one version; also whether its bytes were already there. Nothing is kept of a failed upload."""
        self._check(header)
        existed = False
        async with self._artifacts.staged(header.digest, header.size_bytes, chunks) as staged:
            facts = await self._inspect(staged.path)
            _check_format(header.format, facts.format)

            async def publish() -> None:
                nonlocal existed
                existed = not await self._artifacts.publish(staged)

            figures = (header.digest, header.size_bytes, facts.format, facts.inputs, facts.outputs, facts.batchable)
            model = await self._store.add(header.name, ModelVersion(*figures), publish)
        return model, existed

    def _check(self, header: Header) -> None:
        rules.raise_if_any(
            name_violation("header.name", header.name),
            rules.digest("header.digest", header.digest),
            rules.within("header.size_bytes", header.size_bytes, 1, (1 << 63) - 1),
            rules.text("header.request_id", header.request_id),
        )
        if header.size_bytes > self._artifacts.limit_bytes:
            said = f"{header.size_bytes} bytes are above the store's limit of {self._artifacts.limit_bytes} bytes"
            raise ResourceExhausted(f"header.size_bytes: {said}", reason="MODEL_TOO_LARGE")

    async def download(self, name: str, digest: str, offset: int) -> tuple[ModelVersion, AsyncIterator[bytes]]:
        """One version and its bytes from `offset` on."""
        rules.raise_if_any(
            rules.optional_name("name", name) if digest else name_violation("name", name),
            rules.digest("digest", digest) if digest else None,
            rules.within("offset", offset, 0, (1 << 63) - 1),
        )
        version = await self._store.version(name, digest)
        rules.raise_if_any(rules.within("offset", offset, 0, version.size_bytes))
        return version, self._artifacts.read(version.digest, offset)

    async def get(self, name: str) -> Model:
        """Reads one."""
        rules.raise_if_any(name_violation("name", name))
        return await self._store.get(name)

    async def list(self, page_size: int, page_token: str) -> Page[Model]:
        """Reads a page by name."""
        return await self._store.list(page_size, page_token)

    async def delete(self, name: str, etag: str, request_id: str, allow_missing: bool, validate_only: bool) -> None:
        """Removes one with its versions."""
        rules.raise_if_any(name_violation("name", name), rules.text("etag", etag), rules.text("request_id", request_id))
        await self._store.delete(
            name,
            self._artifacts.discard,
            etag=etag,
            request_id=request_id,
            allow_missing=allow_missing,
            validate_only=validate_only,
        )


def _check_format(announced: str, found: str) -> None:
    if announced and announced != found:
        raise InvalidArgument(
            Violation("header.format", f'"{announced}" was announced, the file is of format "{found}"')
        )
