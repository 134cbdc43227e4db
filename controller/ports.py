"""What the controller's core needs of the world: small ports, our types only; adapters and fakes implement them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controller.model import (
    Changed,
    Device,
    Event,
    Gpu,
    Model,
    Node,
    Outcome,
    Page,
    Plan,
    Profile,
    Segment,
    State,
    Workload,
    WorkloadStatus,
)
from controller.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a reconcile turn reads, in one transaction.

    `basis` is a counter that every write grows which could change a decision (workload specs, profiles, GPUs,
    hosts coming and going, segments born, changing state or dying); `commit` refuses a decision on an older basis.
    `converged` maps a node to the generation its agent has converged to; `desired` to the one last decided.
    """

    basis: int
    workloads: tuple[Workload, ...]
    profiles: tuple[Profile, ...]
    nodes: tuple[Node, ...]
    gpus: tuple[Gpu, ...]
    segments: tuple[Segment, ...]
    models: tuple[Model, ...] = ()
    last_plan: Plan | None = None
    # Hash of the inputs that the last plan was made from; "" if there is none. See reconcile.inputs_key.
    last_inputs: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """A segment moves to `state`, because of `message`; `drain_since` is set when it starts draining."""

    segment_id: str
    state: State
    message: str
    drain_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded."""

    subject_kind: str
    subject: str
    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Shares:
    """What a shared segment gives its tenants from now on: their rates have changed, the segment stays as it is."""

    segment_id: str
    throughput: float
    latency_ms: float
    tenants: tuple[Tenant, ...]

    def of(self, segment: Segment) -> Segment:
        """The segment with these figures."""
        return replace(segment, throughput=self.throughput, latency_ms=self.latency_ms, tenants=self.tenants)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one reconcile turn changes. Empty: nothing to do."""

    create: tuple[Segment, ...] = ()
    transitions: tuple[Transition, ...] = ()
    forget: tuple[str, ...] = ()  # ids of segments that are gone from their hosts
    shares: tuple[Shares, ...] = ()  # of segments that neither move nor are forgotten
    statuses: tuple[tuple[str, WorkloadStatus], ...] = ()  # by workload name, only those that changed
    plan: Plan | None = None  # stored if a new one was made (its id is assigned by the store)
    inputs: str = ""  # the inputs key that goes with `plan`
    desired: tuple[str, ...] = ()  # nodes whose desired state changes: their generation grows by one
    events: tuple[NewEvent, ...] = ()


class PlaneStore(Protocol):
    """What the leader's reconcile turn and the links read and write."""

    async def snapshot(self) -> Snapshot:
        """Reads everything in one repeatable-read transaction."""

    async def commit(self, decision: Decision, *, basis: int, epoch: int) -> None:
        """Writes a decision in one transaction. Conflict if the basis moved or the epoch is no longer ours."""

    async def leading_epoch(self) -> int:
        """Epoch of the controller that leads; 0: none does."""

    async def node_hello(self, node: Node) -> None:
        """Creates or refreshes a node as connected."""

    async def node_gone(self, name: str) -> None:
        """Marks a node disconnected; its GPUs and segments stay as they are."""

    async def node_observed(self, node: Node, gpus: Sequence[Gpu], segments: Sequence[Segment]) -> None:
        """Stores a report: node fields, its GPUs, and the observed fields of known segments (matched by id).

        Writes, and grows the basis, only where something differs. A known segment of that node which is missing
        from `segments` is stored as REMOVING and `gone` if it was DRAINING/REMOVING (so that a turn may forget it);
        READY, CREATING or FAILED, it is PLANNED again with no endpoints (its host lost it and will make it anew).
        A report moves DRAINING only to REMOVING: draining is the controller's word. FailedPrecondition if a GPU is
        another connected node's.
        """

    async def device_hello(self, device: Device) -> None:
        """Creates or refreshes a device as connected."""

    async def device_report(self, device: Device) -> None:
        """Stores a device's report."""

    async def device_gone(self, name: str) -> None:
        """Marks a device disconnected."""


class WorkloadStore(Protocol):
    """Workloads, transactional; see the API for the meaning of request ids and etags."""

    async def apply(
        self, workload: Workload, *, request_id: str, validate_only: bool = False
    ) -> tuple[Workload, Outcome]:
        """Creates or replaces. NotFound (model, version), InvalidArgument (TAIL of a plain model), StaleEtag."""

    async def get(self, name: str) -> Workload:
        """Reads one. NotFound."""

    async def list(self, page_size: int, page_token: str) -> Page[Workload]:
        """Reads a page by name."""

    async def delete(
        self, name: str, *, etag: str, request_id: str, allow_missing: bool, validate_only: bool = False
    ) -> None:
        """Removes. NotFound, StaleEtag."""

    def watch(self, resume_revision: int, name: str) -> AsyncIterator[Changed[Workload]]:
        """Endless changes. OutOfRange if the revision is no longer kept."""


class EventStore(Protocol):
    """Events, append-only, bounded."""

    async def record(self, *events: NewEvent) -> None:
        """Appends."""

    async def list(self, page_size: int, page_token: str, kind: str, subject: str) -> Page[Event]:
        """Reads a page, oldest first."""

    def watch(self, resume_revision: int, subject: str) -> AsyncIterator[Event]:
        """Endless events after the revision; 0: only new ones."""


class Leader(Protocol):
    """Leadership by advisory lock plus epoch."""

    @property
    def epoch(self) -> int:
        """Our epoch while we lead; 0 while we do not."""

    async def hold(self) -> None:
        """Returns when leadership is won; raises Unavailable when it is lost later (checked by `confirm`)."""

    async def confirm(self) -> bool:
        """Whether the lock's connection still lives."""


class Wakeups(Protocol):
    """Hints that something changed; lossy by design, so every waiter also has a period of its own."""

    def ticket(self) -> asyncio.Event:
        """Take it before reading what may change; `after` then misses no hint that came since."""

    async def after(self, ticket: asyncio.Event, timeout_s: float) -> None:
        """Returns once a hint came after `ticket` was taken, or after `timeout_s`."""

    async def wait(self, timeout_s: float) -> None:
        """Returns at the next hint, or after `timeout_s`."""

    def poke(self) -> None:
        """Hints in this process."""
