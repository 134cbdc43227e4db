"""The controller's own xDS server, told of the bench's Tritons: one locality a segment, weighted by its throughput."""

from __future__ import annotations

from collections.abc import Iterable

from bench.live.servers import Served, by_service
from common.rpc import server as rpc
from controller.model import Endpoint
from controller.xds.published import Published, following
from controller.xds.routes import Group, Route, scaled
from controller.xds.server import Xds


async def serve(served: Iterable[Served]) -> rpc.Server:
    """The server, started, on a free port of loopback."""
    server = rpc.build(["127.0.0.1:0"])
    xds = Xds(server.closing)
    xds.published = following(Published(), [_route(name, of) for name, of in by_service(served).items()])
    xds.register(server)
    await server.start()
    return server


def _route(name: str, segments: list[Served]) -> Route:
    weights = scaled([one.segment.throughput for one in segments])
    return Route(
        name,
        tuple(
            Group(
                "host", f"{name}-{number}", weight, tuple(Endpoint("127.0.0.1", port, ready=True) for port in one.ports)
            )
            for number, (one, weight) in enumerate(zip(segments, weights, strict=True))
        ),
    )
