"""The ADS protocol itself, spoken message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from google.rpc import status_pb2
from grpc import aio

from common.rpc.channel import aio_channel
from controller.xds.resources import CLUSTER, ENDPOINTS, LISTENER, ROUTES, TYPES
from tests.integration.xds.plane import Announcer, announced

PORTS = {"a": [1001], "b": [1002, 1003]}
BEFORE = announced({"a": 1.0}, PORTS)
AFTER = announced({"a": 1.0, "b": 2.0}, PORTS)


class Talk:
    """One stream."""

    def __init__(self, channel: aio.Channel) -> None:
        self._call: Any = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).StreamAggregatedResources()

    async def ask(self, kind: str, *names: str, nonce: str = "", version: str = "", error: str = "") -> None:
        """Sends a request; with `error`, a rejection."""
        detail = status_pb2.Status(code=3, message=error) if error else None
        await self._call.write(
            discovery_pb2.DiscoveryRequest(
                type_url=kind, resource_names=names, response_nonce=nonce, version_info=version, error_detail=detail
            )
        )

    async def take(self, within_s: float = 5.0) -> Any:
        """The next response."""
        return await asyncio.wait_for(self._call.read(), within_s)

    async def silent(self, for_s: float = 0.3) -> bool:
        """Whether nothing comes; the stream is of no use afterwards."""
        try:
            await self.take(for_s)
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def announcer() -> AsyncIterator[Announcer]:
    """A server that says BEFORE."""
    server = await Announcer().start(BEFORE)
    yield server
    await server.stop()


@pytest.fixture
async def talk(announcer: Announcer) -> AsyncIterator[Talk]:
    """A stream to it."""
    async with aio_channel(f"127.0.0.1:{announcer.port}") as channel:
        yield Talk(channel)


def assignment(response: Any, index: int = 0) -> Any:
    """An unpacked ClusterLoadAssignment."""
    message = endpoint_pb2.ClusterLoadAssignment()
    assert response.resources[index].Unpack(message)
    return message


async def test_every_subscription_is_answered(talk: Talk) -> None:
    """Each type is answered with its version and a fresh nonce, changes go out in an order that clients can follow."""
    nonces = set()
    for kind in TYPES:
        await talk.ask(kind, "echo")
        response = await talk.take()
        assert (response.type_url, len(response.resources)) == (kind, 1)
        assert response.version_info
        nonces.add(response.nonce)
    assert len(nonces) == len(TYPES)


async def test_change_goes_to_those_it_concerns(announcer: Announcer, talk: Talk) -> None:
    """A change of endpoints is pushed as endpoints only, under another version."""
    seen = {}
    for kind in (LISTENER, ENDPOINTS):
        await talk.ask(kind, "echo")
        seen[kind] = await talk.take()
    await announcer.xds.publish(AFTER)
    response = await talk.take()
    assert response.type_url == ENDPOINTS
    assert response.version_info != seen[ENDPOINTS].version_info
    weights = [each.load_balancing_weight.value for each in assignment(response).endpoints]
    assert weights[1] == 2 * weights[0]
    assert await talk.silent()


async def test_acknowledgement_is_not_answered(talk: Talk) -> None:
    """A client that acknowledges hears nothing until something changes."""
    await talk.ask(ENDPOINTS, "echo")
    response = await talk.take()
    await talk.ask(ENDPOINTS, "echo", nonce=response.nonce, version=response.version_info)
    assert await talk.silent()


async def test_rejection_is_counted_and_not_repeated(announcer: Announcer, talk: Talk) -> None:
    """A rejected response is logged and counted, not sent again; the next change is sent."""
    await talk.ask(ENDPOINTS, "echo")
    response = await talk.take()
    await talk.ask(ENDPOINTS, "echo", nonce=response.nonce, error="bad address")
    await asyncio.sleep(0.2)
    assert announcer.xds.counters.rejected == 1
    assert announcer.xds.counters.responses == 1
    await announcer.xds.publish(AFTER)
    assert (await talk.take()).type_url == ENDPOINTS


async def test_stale_nonce_is_ignored(announcer: Announcer, talk: Talk) -> None:
    """A request that answers an older response says nothing, not even what it subscribes to."""
    await talk.ask(ENDPOINTS, "echo")
    first = await talk.take()
    await announcer.xds.publish(AFTER)
    second = await talk.take()
    await talk.ask(ENDPOINTS, "echo", "other", nonce=first.nonce, version=first.version_info)
    await talk.ask(ENDPOINTS, "echo", nonce=second.nonce, version=second.version_info)
    assert await talk.silent()
    assert announcer.xds.counters.stale == 1


async def test_unknown_name_is_answered_without_it(announcer: Announcer, talk: Talk) -> None:
    """A listener that does not exist is absent from a response that holds the others; applied, it is pushed."""
    await talk.ask(LISTENER, "nobody", "echo")
    response = await talk.take()
    assert len(response.resources) == 1
    await announcer.xds.publish(announced({}, {}, name="nobody"))
    response = await talk.take()
    assert len(response.resources) == 1, "echo is gone, nobody is there"


async def test_new_names_are_sent_in_full(talk: Talk) -> None:
    """Subscribing to one more name is answered at once; unsubscribing and coming back sends it again."""
    await talk.ask(ROUTES, "nobody")
    empty = await talk.take()
    assert len(empty.resources) == 0
    await talk.ask(ROUTES, "nobody", "echo", nonce=empty.nonce, version=empty.version_info)
    first = await talk.take()
    assert len(first.resources) == 1
    await talk.ask(ROUTES, nonce=first.nonce, version=first.version_info)
    await talk.ask(ROUTES, "echo", nonce=first.nonce, version=first.version_info)
    assert len((await talk.take()).resources) == 1


async def test_no_names_mean_all_clusters(announcer: Announcer, talk: Talk) -> None:
    """A first request without names, or one for "*", is for everything there is."""
    await talk.ask(CLUSTER)
    assert len((await talk.take()).resources) == 1
    async with aio_channel(f"127.0.0.1:{announcer.port}") as channel:
        other = Talk(channel)
        await other.ask(CLUSTER, "*")
        assert len((await other.take()).resources) == 1


async def test_says_nothing_before_the_first_snapshot() -> None:
    """A server that knows nothing yet keeps its clients waiting; two of them are answered once it knows."""
    announcer = await Announcer().start(None)
    async with aio_channel(f"127.0.0.1:{announcer.port}") as channel:
        talks = [Talk(channel), Talk(channel)]
        for talk in talks:
            await talk.ask(LISTENER, "echo")
        await asyncio.sleep(0.3)
        assert announcer.xds.counters.streams == 2
        assert announcer.xds.counters.responses == 0
        await announcer.xds.publish(BEFORE)
        for talk in talks:
            assert len((await talk.take()).resources) == 1
        assert announcer.xds.counters.responses == 2
    await announcer.stop()


async def test_versions_outlive_a_restart(announcer: Announcer, talk: Talk) -> None:
    """The same content has the same version on another server, so that replicas and restarts look alike."""
    await talk.ask(ENDPOINTS, "echo")
    here = await talk.take()
    other = await Announcer().start(BEFORE)
    async with aio_channel(f"127.0.0.1:{other.port}") as channel:
        there = Talk(channel)
        await there.ask(ENDPOINTS, "echo")
        assert (await there.take()).version_info == here.version_info
    await other.stop()


async def test_stop_ends_open_streams_at_once(announcer: Announcer, talk: Talk) -> None:
    """A stopping server ends its streams instead of using up its grace."""
    await talk.ask(LISTENER, "echo")
    await talk.take()
    await asyncio.wait_for(announcer.server.stop(30), 5)
    assert await talk.take() is aio.EOF
    assert announcer.xds.counters.streams == 0
