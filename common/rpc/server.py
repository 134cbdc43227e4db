"""Builds and stops gRPC servers: health, reflection, keepalive that tolerates our agents, graceful stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from common.errors import Unavailable
from common.rpc.interceptor import Count, CountInterceptor, ErrorInterceptor

# Agents ping every 10 s, data or not; a server's own default would answer the third ping with GOAWAY.
KEEPALIVE = (
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


@dataclass
class Server:
    """A gRPC server with health and reflection.

    `closing` is set before the server stops, so that endless streams (Watch, links) can end at once.
    """

    raw: aio.Server
    health: health.aio.HealthServicer
    services: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, *, serving: bool = True) -> None:
        """Starts answering; every service is SERVING, or NOT_SERVING until `set_serving` says otherwise."""
        names = (*self.services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self.raw)
        await self.set_serving(serving)
        await self.raw.start()

    async def set_serving(self, serving: bool) -> None:
        """Tells health probes, under the name of every service and of none, whether to send requests here."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self.services):
            await self.health.set(name, status)

    async def stop(self, grace_s: float) -> None:
        """Says NOT_SERVING, ends endless streams, lets calls in flight finish for `grace_s` seconds."""
        await self.health.enter_graceful_shutdown()
        self.closing.set()
        await self.raw.stop(grace_s)


def build(
    addresses: Sequence[str],
    *,
    max_message_bytes: int = 4 << 20,
    max_send_bytes: int | None = None,
    count: Count | None = None,
) -> Server:
    """A server listening on `addresses` ("host:port", port 0: any free one). Raises Unavailable if it cannot.

    `max_message_bytes` bounds messages, `max_send_bytes` those sent where that differs (-1: not at all).
    `count` is told the method and the status of every call that ends.
    """
    options = (
        *KEEPALIVE,
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes if max_send_bytes is None else max_send_bytes),
        ("grpc.so_reuseport", 0),
    )
    counting = [CountInterceptor(count)] if count else []
    raw = aio.server(interceptors=[*counting, ErrorInterceptor()], options=options)
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, raw)
    server = Server(raw, servicer)
    for address in addresses:
        server.ports.append(_bind(raw, address))
    return server


def _bind(raw: aio.Server, address: str) -> int:
    try:
        return raw.add_insecure_port(address)
    except RuntimeError as error:
        raise Unavailable(f"cannot listen on {address}: is the port taken? choose another one") from error


def add(server: Server, name: str, register: Callable[[Any, Any], None], servicer: object) -> None:
    """Adds one service under its full proto `name` with the generated `register` function."""
    register(servicer, server.raw)
    server.services.append(name)
