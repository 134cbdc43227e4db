"""An unmodified gRPC client against our xDS server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.xds.plane import Announcer, Client, Echo, announced


@pytest.fixture
async def echoes() -> AsyncIterator[list[Echo]]:
    """Three servers: one, two and three."""
    servers = [await Echo(name).start() for name in ("one", "two", "three")]
    yield servers
    for server in servers:
        await server.stop()


async def test_spread_is_within_five_points_of_the_weights(echoes: list[Echo]) -> None:
    """2,000 calls spread over segments as their throughputs do, whatever the number of processes in each."""
    one, two, three = echoes
    ports = {"a": [one.port, two.port], "b": [three.port]}
    announcer = await Announcer().start(announced({"a": 300.0, "b": 100.0}, ports))
    client = await Client.start(announcer.port, 2000)
    answers, errors = await client.result()
    await announcer.stop()
    assert not errors
    shares = {name: count / 2000 for name, count in answers.items()}
    assert shares["one"] + shares["two"] == pytest.approx(0.75, abs=0.05)
    assert shares["one"] == pytest.approx(shares["two"], abs=0.05)


async def test_follows_a_change_of_endpoints_without_an_error(echoes: list[Echo]) -> None:
    """Calls move to a new segment once it is announced, and none fails when the old one is drained and stopped."""
    one, two, _ = echoes
    announcer = await Announcer().start(announced({"a": 1.0}, {"a": [one.port]}))
    client = await Client.start(announcer.port)
    await client.answered()
    await announcer.xds.publish(announced({"a": 1.0, "b": 1.0}, {"a": [one.port], "b": [two.port]}))
    await client.answered("two")
    await announcer.xds.publish(announced({"b": 1.0}, {"b": [two.port]}))
    await asyncio.sleep(1)
    await one.stop()
    await asyncio.sleep(1)
    answers, errors = await client.result()
    await announcer.stop()
    assert not errors
    assert answers["two"] > answers["one"] > 0


async def test_restart_of_the_control_plane_interrupts_no_call(echoes: list[Echo]) -> None:
    """While the xDS server is away, and while it has not read its first snapshot, clients go on as they were."""
    one, two, _ = echoes
    before = announced({"a": 1.0}, {"a": [one.port]})
    announcer = await Announcer().start(before)
    client = await Client.start(announcer.port)
    await client.answered()
    await announcer.stop()
    await asyncio.sleep(1)
    await announcer.start(None)
    async with asyncio.timeout(30):
        while not announcer.xds.counters.streams:  # noqa: ASYNC110 - the client dials when it likes
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    await announcer.xds.publish(before)
    await asyncio.sleep(0.5)
    await announcer.xds.publish(announced({"b": 1.0}, {"b": [two.port]}))
    await client.answered("two")  # it follows the restarted server
    answers, errors = await client.result()
    await announcer.stop()
    assert not errors
    assert answers["one"] > 0


async def test_killed_server_costs_no_call_where_another_answers(echoes: list[Echo]) -> None:
    """Calls that meet a killed server are tried on another, before the control plane knows of it."""
    one, two, three = echoes
    ports = {"a": [one.port, two.port], "b": [three.port]}
    announcer = await Announcer().start(announced({"a": 1.0, "b": 1.0}, ports))
    client = await Client.start(announcer.port)
    await client.answered("one", "two", "three")
    await one.stop(None)
    await three.stop(None)
    await asyncio.sleep(1)
    answers, errors = await client.result()
    await announcer.stop()
    assert not errors
    assert answers["two"] > answers["one"]


async def test_deleted_workload_fails_at_once_and_comes_back(echoes: list[Echo]) -> None:
    """Clients of a deleted workload are told that nobody answers, and find it again when it is applied again."""
    one, *_ = echoes
    before = announced({"a": 1.0}, {"a": [one.port]})
    announcer = await Announcer().start(before)
    client = await Client.start(announcer.port)
    await client.answered()
    await announcer.xds.publish(announced({}, {}, name="other"))
    await asyncio.sleep(1)
    await announcer.xds.publish(before)
    await asyncio.sleep(1)
    answers, errors = await client.result()
    await announcer.stop()
    assert set(answers) == {"one"}
    assert errors
    assert all(error.startswith("UNAVAILABLE") for error in errors)
