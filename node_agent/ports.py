"""What the agent's core needs of the host: small ports, our types only; adapters and fakes implement them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from node_agent.model import Endpoint, Gpu, Process, Record, SegmentSpec


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
        """Destroys the compute instances, then the GPU instance; nothing to do if they are gone. Conflict: in use.

        They are gone, too, if the id is that of an instance in another place by now.
        """


class Daemons(Protocol):
    """The MPS control daemons, one per segment; `home` is the segment's directory."""

    async def start(self, home: Path, mig_uuid: str) -> Process:
        """Starts the segment's daemon, or finds it running. Unavailable if it does not start."""

    async def stop(self, home: Path, mig_uuid: str, daemon: Process | None) -> None:
        """Asks the daemon to quit; ends it if it does not listen."""

    def alive(self, daemon: Process | None) -> bool:
        """Whether that very daemon still runs."""


class Processes(Protocol):
    """The processes that serve: Triton, and the tail beside it where there is one."""

    def complete(self, record: Record) -> bool:
        """Whether every process lives."""

    async def mend(self, record: Record, home: Path, models: Mapping[str, Path]) -> Record:
        """Starts what is missing, written down; what keeps dying is given pauses. `models`: files by workload.

        InvalidArgument (a model cannot be served), Unavailable.
        """

    async def probe(self, record: Record) -> tuple[Endpoint, ...]:
        """Where its processes answer and whether they do; one that hangs is ended, to be replaced next time."""

    async def end(self, record: Record) -> None:
        """Ends every process gracefully."""

    def failures(self, segment_id: str) -> int:
        """Starts in a row that came to nothing, of the process that fares worst."""

    async def clear(self, folder: Path, records: Collection[Record] = ()) -> None:
        """Ends, at once, what else was started for segments under `folder`; not what `records` know."""


class Models(Protocol):
    """Where model files come from."""

    def find(self, digest: str) -> Path | None:
        """The verified file of that digest; None while it is being fetched. Errors: why fetching it failed."""

    def prune(self, wanted: Collection[str]) -> None:
        """Lets go of files of other digests, as far as room is wanted."""
