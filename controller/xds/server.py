"""The aggregated discovery service, state of the world: each stream gets what it asked for, at once and at changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.protobuf.any_pb2 import Any as AnyMessage

from common.rpc import server as rpc
from controller.ports import Snapshot
from controller.xds.addresses import Addresses
from controller.xds.published import Published, following
from controller.xds.resources import TYPES, WHOLE_STATE
from controller.xds.routes import Route, hosts, resolved, routes
from controller.xds.subscription import Subscription

log = structlog.get_logger("xds")

NAME = "envoy.service.discovery.v3.AggregatedDiscoveryService"


@dataclass
class Counters:
    """What happened since the start, for metrics."""

    streams: int = 0  # open now
    responses: int = 0
    rejected: int = 0  # NACKs
    stale: int = 0  # requests with an old nonce


class Xds:
    """Says what was published last. Until something was, clients wait: an empty answer would take routes away."""

    def __init__(self, closing: asyncio.Event) -> None:
        self.counters = Counters()
        self.published: Published | None = None
        self._closing = closing
        self._addresses = Addresses()
        self._last: tuple[tuple[Route, ...], dict[str, str]] | None = None
        self._streams: set[_Stream] = set()
        self._one_at_a_time = asyncio.Lock()

    async def publish(self, snapshot: Snapshot) -> None:
        """Makes this snapshot what clients are told; the same again costs nothing."""
        async with self._one_at_a_time:
            said = routes(snapshot)
            addresses = await self._addresses.resolve(hosts(said))
            if self._last == (said, addresses):
                return
            self._last = (said, addresses)
            self.published = following(self.published or Published(), [resolved(r, addresses) for r in said])
        for stream in self._streams:
            stream.wake.set()

    def register(self, server: rpc.Server) -> None:
        """Adds the service to `server`."""
        rpc.add(server, NAME, ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server, _Servicer(self))

    async def answer(self, requests: AsyncIterable[Any], peer: str) -> AsyncIterator[Any]:
        """Serves one client until it leaves or the server closes."""
        stream = _Stream(self, peer)
        self._streams.add(stream)
        self.counters.streams += 1
        reading = asyncio.create_task(stream.read(requests))
        closing = asyncio.create_task(_set_with(self._closing, stream.wake))
        try:
            while not (self._closing.is_set() or reading.done()):
                await stream.wake.wait()
                stream.wake.clear()
                for response in stream.due() if not self._closing.is_set() else ():
                    yield response
        finally:
            self._streams.discard(stream)
            self.counters.streams -= 1
            await _cancelled(reading, closing)


@dataclass(eq=False)
class _Stream:
    """One client."""

    xds: Xds
    peer: str
    node: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    subscriptions: dict[str, Subscription[AnyMessage]] = field(default_factory=dict)
    nonces: int = 0

    async def read(self, requests: AsyncIterable[Any]) -> None:
        """Takes requests until there are no more."""
        try:
            async for request in requests:
                self._take(request)
                self.wake.set()
        finally:
            self.wake.set()

    def due(self) -> list[Any]:
        """The responses to send now, in the order in which clients need them."""
        published = self.xds.published
        if published is None:
            return []
        responses = []
        for kind in [*TYPES, *(kind for kind in self.subscriptions if kind not in TYPES)]:
            subscription = self.subscriptions.get(kind)
            nonce = str(self.nonces + 1)
            found = subscription.response(published.resources.get(kind, {}), nonce) if subscription else None
            if found is not None:
                self.nonces += 1
                responses.append(_response(kind, published.versions.get(kind, "0"), nonce, found))
        self.xds.counters.responses += len(responses)
        return responses

    def _take(self, request: Any) -> None:
        self.node = request.node.id or self.node
        kind = request.type_url
        subscription = self.subscriptions.setdefault(kind, Subscription(whole=kind in WHOLE_STATE))
        rejected = request.HasField("error_detail")
        fresh = subscription.request(
            request.resource_names, request.response_nonce, version=request.version_info, rejected=rejected
        )
        if not fresh:
            self.xds.counters.stale += 1
        elif rejected:
            self.xds.counters.rejected += 1
            log.warning(
                "client rejects what it was told and keeps what it had",
                client=self.node,
                peer=self.peer,
                type=kind.rpartition(".")[2],
                kept=request.version_info,
                error=request.error_detail.message,
            )


class _Servicer(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """What the generated code calls."""

    def __init__(self, xds: Xds) -> None:
        self._xds = xds

    async def StreamAggregatedResources(  # noqa: N802
        self, request_iterator: AsyncIterable[Any], context: Any
    ) -> AsyncIterator[Any]:
        async for response in self._xds.answer(request_iterator, context.peer()):
            yield response


def _response(kind: str, version: str, nonce: str, found: list[AnyMessage]) -> Any:
    return discovery_pb2.DiscoveryResponse(version_info=version, resources=found, type_url=kind, nonce=nonce)


async def _set_with(cause: asyncio.Event, effect: asyncio.Event) -> None:
    await cause.wait()
    effect.set()


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):  # the stream is over whatever its reader met
            await task
