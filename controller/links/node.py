"""The node link: which hosts are connected, what each reports, and what each shall run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from common.errors import Conflict, FailedPrecondition, InvalidArgument, Unavailable, Violation
from common.rpc import server as rpc
from controller.links import wire
from controller.links.session import Session, first, heard
from controller.model import Node
from controller.ports import Leader, PlaneStore, Snapshot
from controller.reconcile import node_specs
from protos.sliceplane.node.v1 import node_pb2, node_pb2_grpc

log = structlog.get_logger("links")

NAME = "sliceplane.node.v1.NodeLinkService"
HEARTBEAT_S = 5.0
MISSED = 3  # heartbeats until a host counts as gone

Stamp = tuple[int, int]  # epoch, generation
Response = node_pb2.ConnectResponse


@dataclass(frozen=True, slots=True)
class _Want:
    stamp: Stamp
    message: node_pb2.Desired


class _NodeSession(Session[Response]):
    """One host's stream."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.name)
        self.node = node
        self.sent: Stamp | None = None

    def want(self, want: _Want) -> None:
        """Sends the desired state unless this or a newer one went before it."""
        if self.sent is None or want.stamp > self.sent:
            self.sent = want.stamp
            self.offer(Response(desired=want.message))


class NodeLinks:
    """Sessions of the leader; a replica that does not lead sends agents away."""

    def __init__(
        self,
        store: PlaneStore,
        leader: Leader,
        closing: asyncio.Event,
        now: Callable[[], datetime],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._store, self._leader, self._closing, self._now = store, leader, closing, now
        self._heartbeat_s = heartbeat_s
        self._sessions: dict[str, _NodeSession] = {}
        self._wants: dict[str, _Want] = {}

    @property
    def connected(self) -> frozenset[str]:
        """Names of the hosts whose agents are connected here."""
        return frozenset(self._sessions)

    def register(self, server: rpc.Server) -> None:
        """Adds the service to `server`."""
        rpc.add(server, NAME, node_pb2_grpc.add_NodeLinkServiceServicer_to_server, _Servicer(self))

    def publish(self, snapshot: Snapshot, epoch: int) -> None:
        """Makes what this snapshot wants of each host what its agent is told; `epoch` is ours."""
        specs = node_specs(snapshot)
        self._wants = {
            node.name: _Want((epoch, node.desired), wire.desired_out(epoch, node.desired, specs[node.name]))
            for node in snapshot.nodes
        }
        for name, session in self._sessions.items():
            if name in self._wants:
                session.want(self._wants[name])

    def resign(self) -> None:
        """We lead no more: forgets what was wanted and sends every agent to the new leader."""
        self._wants = {}
        for session in self._sessions.values():
            session.end(_not_leading())

    async def correct(self, snapshot: Snapshot, leading_since: datetime) -> None:
        """Makes the store say who is connected, where a crash or a change of leaders left it wrong."""
        patience = timedelta(seconds=MISSED * self._heartbeat_s)
        settled = self._now() - leading_since > patience
        for node in snapshot.nodes:
            session = self._sessions.get(node.name)
            if session is not None and not node.connected:
                await self._store.node_hello(session.node)
            elif session is None and node.connected and settled:
                await self._store.node_gone(node.name)

    async def connect(self, messages: AsyncIterable[node_pb2.ConnectRequest]) -> AsyncIterator[Response]:
        """Serves one agent's stream."""
        if not self._leader.epoch:
            raise _not_leading()
        requests = aiter(messages)
        opening = await first(requests, "hello")
        if opening.WhichOneof("message") != "hello":
            raise InvalidArgument(Violation("hello", "the first message must be a Hello"))
        node = wire.node_in(opening.hello, self._now())
        session = self._enter(node)
        try:
            await self._store.node_hello(node)
            log.info("node connected", node=node.name, agent=node.agent_version)
            welcome = node_pb2.Welcome(epoch=self._leader.epoch, heartbeat_s=self._heartbeat_s)
            session.offer(Response(welcome=welcome))
            if node.name in self._wants:
                session.want(self._wants[node.name])
            async for response in session.outgoing(self._read(session, requests), self._closing):
                yield response
        finally:
            await self._leave(session)

    def _enter(self, node: Node) -> _NodeSession:
        former = self._sessions.get(node.name)
        if former is not None:
            said = f'a newer stream of node "{node.name}" has taken over: is its agent started twice?'
            former.end(Conflict(said, reason="REPLACED"))
        session = self._sessions[node.name] = _NodeSession(node)
        return session

    async def _leave(self, session: _NodeSession) -> None:
        if self._sessions.get(session.name) is not session:
            return
        del self._sessions[session.name]
        log.info("node disconnected", node=session.name)
        if self._leader.epoch and not self._closing.is_set():
            try:
                await asyncio.shield(self._store.node_gone(session.name))
            except Unavailable as error:  # the turn after next finds it missing and says so: see `correct`
                log.warning("cannot store that a node is gone", node=session.name, error=error.message)

    async def _read(self, session: _NodeSession, requests: AsyncIterator[node_pb2.ConnectRequest]) -> None:
        async for request in heard(requests, MISSED * self._heartbeat_s):
            if request.WhichOneof("message") != "observed":
                raise InvalidArgument(Violation("observed", "every message after the Hello must be an Observed"))
            node, gpus, segments = wire.observed_in(session.node, request.observed, self._now())
            await self._store.node_observed(node, gpus, segments)


class _Servicer(node_pb2_grpc.NodeLinkServiceServicer):
    """What the generated code calls."""

    def __init__(self, links: NodeLinks) -> None:
        self._links = links

    async def Connect(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:  # noqa: N802, ARG002
        async for response in self._links.connect(request_iterator):
            yield response


def _not_leading() -> FailedPrecondition:
    return FailedPrecondition("controller", "this controller does not lead: dial again", reason="NOT_LEADER")
