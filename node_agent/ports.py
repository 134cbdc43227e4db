"""What the agent's core needs of the host: small ports, our types only; adapters and fakes implement them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from node_agent.model import Gpu, SegmentSpec


class Gpus(Protocol):
    """The host's GPUs and their MIG instances. Errors: Unavailable (try again), Conflict (something holds it)."""

    def driver_version(self) -> str:
        """The driver's version."""

    def observe(self) -> tuple[Gpu, ...]:
        """Every GPU with its profiles and instances; an ill one is unhealthy with the reason, never an error."""

    def create_instance(self, spec: SegmentSpec) -> int:
        """Makes the GPU instance at exactly its start, or finds it made; its NVML id."""

    def create_compute(self, spec: SegmentSpec, gi: int) -> tuple[int, str]:
        """Makes the one compute instance over all of it, or finds it made; its NVML id and MIG device UUID."""

    def destroy(self, spec: SegmentSpec, gi: int) -> None:
        """Destroys the compute instances, then the GPU instance; nothing to do if they are gone. Conflict: in use."""


class Models(Protocol):
    """Where model files come from."""

    def find(self, digest: str) -> Path | None:
        """The verified file of that digest; None while it is being fetched. Errors: why fetching it failed."""

    def prune(self, wanted: Collection[str]) -> None:
        """Lets go of files of other digests, as far as room is wanted."""
