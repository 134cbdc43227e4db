"""The edge link: which devices are connected, how they do, and which bundle each shall run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime
from typing import Any

import structlog

from common.errors import Conflict, InvalidArgument, Unavailable, Violation
from common.rpc import server as rpc
from controller.links import wire
from controller.links.session import Session, first, heard
from controller.model import Device, Serve
from controller.ports import PlaneStore, Snapshot
from controller.reconcile import cuts_beside, served_digest
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc

log = structlog.get_logger("links")

NAME = "sliceplane.edge.v1.EdgeLinkService"
REPORT_S = 5.0
MISSED = 3  # reports until a device counts as gone

Response = edge_pb2.ConnectResponse


class _EdgeSession(Session[Response]):
    """One device's stream."""

    def __init__(self, device: Device) -> None:
        super().__init__(device.name)
        self.device = device
        self.sent: edge_pb2.Assignment | None = None

    def assign(self, assignment: edge_pb2.Assignment) -> None:
        """Sends the assignment if it is another than the last."""
        if assignment != self.sent:
            self.sent = assignment
            self.offer(Response(assignment=assignment))


class EdgeLinks:
    """Sessions of one replica: any may serve devices, what they are told lies in the database."""

    def __init__(
        self,
        store: PlaneStore,
        closing: asyncio.Event,
        now: Callable[[], datetime],
        report_s: float = REPORT_S,
    ) -> None:
        self._store, self._closing, self._now, self._report_s = store, closing, now, report_s
        self._sessions: dict[str, _EdgeSession] = {}
        self._bundles: dict[str, tuple[str, str]] | None = None  # by workload: digest, or why there is none
        self._beside: dict[str, tuple[str, ...]] = {}  # by workload: those that are other cuts of its model

    @property
    def connected(self) -> frozenset[str]:
        """Names of the devices whose agents are connected here."""
        return frozenset(self._sessions)

    def register(self, server: rpc.Server) -> None:
        """Adds the service to `server`."""
        rpc.add(server, NAME, edge_pb2_grpc.add_EdgeLinkServiceServicer_to_server, _Servicer(self))

    def publish(self, snapshot: Snapshot) -> None:
        """Makes this snapshot's tails what devices are told."""
        self._bundles = {}
        self._beside = {w.name: tuple(o.name for o in cuts_beside(w, snapshot.workloads)) for w in snapshot.workloads}
        for workload in snapshot.workloads:
            if workload.spec.serve is Serve.TAIL:
                self._bundles[workload.name] = (served_digest(workload, snapshot.segments), "")
            else:
                self._bundles[workload.name] = ("", f'workload "{workload.name}" serves a whole model, not a tail')
        for session in self._sessions.values():
            self._assign(session)

    async def connect(self, messages: AsyncIterable[edge_pb2.ConnectRequest]) -> AsyncIterator[Response]:
        """Serves one agent's stream."""
        requests = aiter(messages)
        opening = await first(requests, "hello")
        if opening.WhichOneof("message") != "hello":
            raise InvalidArgument(Violation("hello", "the first message must be a Hello"))
        device = wire.device_in(opening.hello, self._now())
        session = self._enter(device)
        try:
            await self._store.device_hello(device)
            log.info("device connected", device=device.name, workload=device.workload)
            self._assign(session)
            async for response in session.outgoing(self._read(session, requests), self._closing):
                yield response
        finally:
            await self._leave(session)

    def _assign(self, session: _EdgeSession) -> None:
        if self._bundles is None:
            return  # nothing is known yet: "no workload" would be a guess
        name = session.device.workload
        digest, why = self._bundles.get(name, ("", f'there is no workload "{name}": apply it'))
        beside = {other: self._bundles[other][0] for other in self._beside.get(name, ())} if digest else {}
        session.assign(wire.assignment_out(name if digest else "", digest, why, self._report_s, beside))

    def _enter(self, device: Device) -> _EdgeSession:
        former = self._sessions.get(device.name)
        if former is not None:
            said = f'a newer stream of device "{device.name}" has taken over: is its agent started twice?'
            former.end(Conflict(said, reason="REPLACED"))
        session = self._sessions[device.name] = _EdgeSession(device)
        return session

    async def _leave(self, session: _EdgeSession) -> None:
        if self._sessions.get(session.name) is not session:
            return
        del self._sessions[session.name]
        log.info("device disconnected", device=session.name)
        try:
            await asyncio.shield(self._store.device_gone(session.name))
        except Unavailable as error:
            log.warning("cannot store that a device is gone", device=session.name, error=error.message)

    async def _read(self, session: _EdgeSession, requests: AsyncIterator[edge_pb2.ConnectRequest]) -> None:
        async for request in heard(requests, MISSED * self._report_s):
            if request.WhichOneof("message") != "report":
                raise InvalidArgument(Violation("report", "every message after the Hello must be a Report"))
            await self._store.device_report(wire.report_in(session.device, request.report, self._now()))


class _Servicer(edge_pb2_grpc.EdgeLinkServiceServicer):
    """What the generated code calls."""

    def __init__(self, links: EdgeLinks) -> None:
        self._links = links

    async def Connect(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:  # noqa: N802, ARG002
        async for response in self._links.connect(request_iterator):
            yield response
