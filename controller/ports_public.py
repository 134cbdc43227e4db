"""What the public services need beyond ports.py: models, profiles, the fleet, plans, and the bytes of models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.model import Changed, Device, Gpu, Model, Node, Page, Plan, Profile, Segment, Tensor

Publish = Callable[[], Awaitable[None]]
Discard = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One uploaded file: what it is and what Triton will serve of it."""

    digest: str
    size_bytes: int
    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batchable: bool


class ModelStore(Protocol):
    """The descriptions of models and their versions; the bytes lie in the artifact store."""

    async def add(self, name: str, version: ModelVersion, publish: Publish) -> Model:
        """Makes `version` the newest of `name`; a repeat changes nothing. `publish` brings the bytes in, under lock."""

    async def get(self, name: str) -> Model:
        """Reads one. NotFound."""

    async def version(self, name: str, digest: str) -> ModelVersion:
        """Reads one version; empty `name`: of any model; empty `digest`: the newest. NotFound."""

    async def list(self, page_size: int, page_token: str) -> Page[Model]:
        """Reads a page by name."""

    async def delete(
        self,
        name: str,
        discard: Discard,
        *,
        etag: str,
        request_id: str,
        allow_missing: bool,
        validate_only: bool = False,
    ) -> None:
        """Removes it, and by `discard` bytes that no model has any more. NotFound, StaleEtag, FailedPrecondition."""


class ProfileStore(Protocol):
    """Profiles, replaced as a whole."""

    async def put(self, profile: Profile, *, request_id: str, validate_only: bool = False) -> Profile:
        """Creates or replaces; returns it as stored."""

    async def get(self, name: str) -> Profile:
        """Reads one with its points. NotFound."""

    async def list(self, page_size: int, page_token: str) -> Page[Profile]:
        """Reads a page by name, with points."""

    async def delete(
        self, name: str, *, etag: str, request_id: str, allow_missing: bool, validate_only: bool = False
    ) -> None:
        """Removes. NotFound, StaleEtag, FailedPrecondition."""


class FleetStore(Protocol):
    """What agents reported, for readers; and forgetting what is gone for good."""

    async def nodes(self, page_size: int, page_token: str) -> Page[Node]:
        """Reads a page by name."""

    async def gpus(self, page_size: int, page_token: str, node: str) -> Page[Gpu]:
        """Reads a page by host and index."""

    async def segments(self, page_size: int, page_token: str, workload: str, node: str) -> Page[Segment]:
        """Reads a page by host, GPU index and start."""

    async def devices(self, page_size: int, page_token: str) -> Page[Device]:
        """Reads a page by name."""

    def watch_segments(self, resume_revision: int, workload: str) -> AsyncIterator[Changed[Segment]]:
        """Endless changes. OutOfRange if the revision is no longer kept."""

    async def delete_node(self, name: str, *, request_id: str) -> None:
        """Forgets a host. NotFound; FailedPrecondition while it is connected."""

    async def delete_device(self, name: str, *, request_id: str) -> None:
        """Forgets a device. NotFound; FailedPrecondition while it is connected."""

    async def cordon_gpu(self, uuid: str, *, cordoned: bool, request_id: str) -> Gpu:
        """Takes a GPU out of placement, or back in. NotFound."""

    async def pin_segment(self, segment_id: str, *, pinned: bool, request_id: str) -> Segment:
        """Keeps a segment where it is, or frees it. NotFound."""


class PlanStore(Protocol):
    """Past plans; the leader's commit writes them."""

    async def get(self, plan_id: int) -> Plan:
        """Reads one; 0: the newest. NotFound."""

    async def list(self, page_size: int, page_token: str) -> Page[Plan]:
        """Reads a page, newest first."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that was received and checked, and is not yet part of the store; `path` is local."""

    digest: str
    size_bytes: int
    path: Path


class Artifacts(Protocol):
    """The bytes of model versions, by digest."""

    @property
    def limit_bytes(self) -> int:
        """Size above which no version is taken."""

    def staged(self, digest: str, size_bytes: int, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Staged]:
        """Receives and checks a file. InvalidArgument, ResourceExhausted. At its end nothing unpublished is kept."""

    async def publish(self, staged: Staged) -> bool:
        """Makes a staged file part of the store, atomically; False if it was there already."""

    async def size(self, digest: str) -> int:
        """Bytes of a version. NotFound."""

    def read(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, at most 1 MiB at once. NotFound."""

    async def discard(self, digest: str) -> None:
        """Removes a version, if it is there."""
