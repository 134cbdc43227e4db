"""The edge link over gRPC: assignments, reports, and the end of streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from grpc import aio

from common.rpc.channel import aio_channel
from controller.model import Serve
from tests.integration.links.plane import Controller, EdgeAgent, until
from tests.strategies_reconcile import digest, workload


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    """A replica that does not lead: it serves devices all the same."""
    async with Controller(epoch=0) as started:
        yield started


@pytest.fixture
async def channel(controller: Controller) -> AsyncIterator[aio.Channel]:
    """A channel to it."""
    async with aio_channel(controller.target) as opened:
        yield opened


async def test_assignment_at_once_and_at_changes(controller: Controller, channel: aio.Channel) -> None:
    """A device learns at once that its workload is missing, then its bundle, then that it is gone."""
    agent = EdgeAgent(channel)
    await agent.hello("labels")
    none = await agent.assignment()
    assert (none.workload, none.tail_target) == ("", "")
    assert "labels" in none.message
    assert none.report_interval.ToMilliseconds() > 0
    controller.store.apply(workload("labels", 10, serve=Serve.TAIL, version=3))
    given = await agent.assignment()
    assert (given.workload, given.bundle_digest) == ("labels", digest(3))
    assert given.tail_target == "xds:///labels"
    controller.store.delete("labels")
    assert (await agent.assignment()).workload == ""


async def test_cuts_of_one_model_are_assigned_together(controller: Controller, channel: aio.Channel) -> None:
    """Tail workloads with the same label: a device gets its own and the others; by changes of these, too."""
    agent = EdgeAgent(channel)
    label = {"cuts-of": "reader"}
    early = replace(workload("early", 10, serve=Serve.TAIL, version=3), labels=label)
    controller.store.apply(early)
    controller.store.apply(replace(workload("late", 10, serve=Serve.TAIL, version=4), labels=label))
    controller.store.apply(replace(workload("whole", 10), labels=label))
    controller.store.apply(replace(workload("stranger", 10, serve=Serve.TAIL, version=5), labels={"cuts-of": "x"}))
    await agent.hello("early")
    given = await agent.assignment()
    while [one.workload for one in given.others] != ["late"]:  # what was applied between is told, too
        given = await agent.assignment()
    assert (given.workload, given.bundle_digest) == ("early", digest(3))
    assert (given.others[0].bundle_digest, given.others[0].tail_target) == (digest(4), "xds:///late")
    controller.store.delete("late")
    assert not (await agent.assignment()).others


async def test_whole_model_is_no_tail(controller: Controller, channel: aio.Channel) -> None:
    """A device that names a workload without a tail is told so."""
    controller.store.apply(workload("labels", 10))
    agent = EdgeAgent(channel)
    await agent.hello("labels")
    said = await agent.assignment()
    while "no workload" in said.message:
        said = await agent.assignment()
    assert "whole model" in said.message


async def test_reports_are_stored(controller: Controller, channel: aio.Channel) -> None:
    """What a device reports can be read, and a device that hangs up is stored as gone."""
    agent = EdgeAgent(channel)
    await agent.hello("labels")
    await agent.assignment()
    await agent.report(frames_split=7, bytes_sent=700, level="q4-rans", latency_p50_ms=12.5)
    await until(lambda: controller.store.devices["d0"].frames_split == 7)
    assert controller.store.devices["d0"].level == "q4-rans"
    assert controller.store.devices["d0"].connected
    await agent.report(refused_bundle_digest=digest(3), refusal="x" * 10_000, frames_dropped=1)
    await until(lambda: controller.store.devices["d0"].frames_dropped == 1)
    assert controller.store.devices["d0"].refused_bundle_digest == digest(3)
    assert controller.store.devices["d0"].refusal == "x" * 500, "no device fills the database"
    agent.call.cancel()
    await until(lambda: not controller.store.devices["d0"].connected)


async def test_second_stream_ends_the_first(controller: Controller, channel: aio.Channel) -> None:
    """Of two streams of one device the newer one counts."""
    first, second = EdgeAgent(channel), EdgeAgent(channel)
    await first.hello("labels")
    await first.assignment()
    await second.hello("labels")
    await second.assignment()
    with pytest.raises(aio.AioRpcError) as caught:
        await asyncio.wait_for(first.call.read(), 5)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert controller.store.devices["d0"].connected


async def test_bad_names_are_refused(channel: aio.Channel) -> None:
    """A device without a proper name is refused with the field's path."""
    agent = EdgeAgent(channel, "No Name")
    await agent.hello("labels")
    with pytest.raises(aio.AioRpcError) as caught:
        await asyncio.wait_for(agent.call.read(), 5)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "hello.device" in str(caught.value.details())


async def test_silent_device_is_given_up(controller: Controller, channel: aio.Channel) -> None:
    """A device that misses its reports loses its stream and is stored as gone."""
    agent = EdgeAgent(channel)
    await agent.hello("labels")
    await agent.assignment()
    with pytest.raises(aio.AioRpcError) as caught:
        await asyncio.wait_for(agent.call.read(), 5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: not controller.store.devices["d0"].connected)
