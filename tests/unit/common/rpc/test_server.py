"""Servers: health, reflection, taken ports, graceful stop."""

import asyncio
import gc
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.errors import Unavailable
from common.rpc.channel import aio_channel
from common.rpc.server import build


async def test_health_is_serving_until_stop() -> None:
    """Health answers SERVING while the server runs, and the closing event is set once it stops."""
    server = build(["127.0.0.1:0"])
    await server.start()
    async with aio_channel(f"127.0.0.1:{server.ports[0]}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await server.stop(0)
    assert server.closing.is_set()


async def test_taken_port_is_a_clear_error() -> None:
    """Listening on a taken port raises Unavailable naming the address."""
    first = build(["127.0.0.1:0"])
    await first.start()
    with pytest.raises(Unavailable, match=str(first.ports[0])):
        build([f"127.0.0.1:{first.ports[0]}"])
    gc.collect()  # the half-built server shuts down while the loop still runs
    await first.stop(0)


async def test_open_watches_do_not_use_up_the_grace() -> None:
    """A server with 100 open health watches stops well within its grace (failure scenario 13)."""
    server = build(["127.0.0.1:0"])
    await server.start()
    async with aio_channel(f"127.0.0.1:{server.ports[0]}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watches = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(100)]
        for watch in watches:
            await watch.read()
        await asyncio.wait_for(server.stop(2), timeout=5)
