"""The node link over gRPC: hello, desired states, reports, and every way in which a stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from grpc import aio

from common.rpc.channel import aio_channel
from controller.model import Node, State
from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.type.v1 import type_pb2
from tests.integration.links.plane import HEARTBEAT_S, Controller, NodeAgent, now, ready, until
from tests.strategies_reconcile import workload


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    """A controller that leads, with epoch 1."""
    async with Controller() as started:
        yield started


@pytest.fixture
async def channel(controller: Controller) -> AsyncIterator[aio.Channel]:
    """A channel to it."""
    async with aio_channel(controller.target) as opened:
        yield opened


async def serving(controller: Controller, agent: NodeAgent) -> None:
    """Makes the agent's host serve workload "a"."""
    await agent.hello()
    await agent.next_desired()
    await agent.observe()
    controller.store.apply(workload("a", 40))
    desired = await agent.next_desired()
    await agent.observe(*(ready(spec) for spec in desired.segments))
    await until(lambda: any(s.state is State.READY for s in controller.store.state.segments))


def holds(controller: Controller, condition: str) -> bool:
    """Whether a condition of the only workload is true."""
    (only,) = controller.store.state.workloads
    return any(c.type == condition and c.status for c in only.status.conditions)


async def test_from_hello_to_ready(controller: Controller, channel: aio.Channel) -> None:
    """An agent is welcomed, told all that it shall run, and what it reports ends up in the workload's status."""
    agent = NodeAgent(channel)
    welcome = await agent.hello()
    assert (welcome.epoch, welcome.heartbeat_s) == (1, HEARTBEAT_S)
    first = await agent.next_desired()
    assert (first.epoch, list(first.segments)) == (1, [])
    await agent.observe()
    controller.store.apply(workload("a", 40))
    desired = await agent.next_desired()
    assert desired.generation > first.generation
    (spec,) = desired.segments
    assert (spec.workload, spec.gpu_uuid) == ("a", "GPU-n0-0")
    assert spec.max_queue_delay_us > 0
    await agent.observe(ready(spec))
    await until(
        lambda: any(c.type == "Ready" and c.status for c in controller.store.state.workloads[0].status.conditions)
    )
    assert controller.xds.published is not None


async def test_reconnect_gets_everything_again(controller: Controller, channel: aio.Channel) -> None:
    """After its link broke, an agent is told all that it shall run, under the same generation."""
    agent = NodeAgent(channel)
    await serving(controller, agent)
    agent.vanish()
    await until(lambda: not controller.store.state.nodes[0].connected)
    again = NodeAgent(channel)
    await again.hello()
    desired = await again.next_desired()
    assert agent.desired is not None
    assert desired == agent.desired


async def test_second_stream_ends_the_first(controller: Controller, channel: aio.Channel) -> None:
    """Of two streams of one node the newer one counts; the older ends with ABORTED and leaves the node connected."""
    first, second = NodeAgent(channel), NodeAgent(channel)
    await first.hello()
    await second.hello()
    assert (await first.failure()).code() is grpc.StatusCode.ABORTED
    assert controller.store.state.nodes[0].connected
    assert controller.nodes.connected == {"n0"}


async def test_silent_agent_is_given_up(controller: Controller, channel: aio.Channel) -> None:
    """An agent that misses its heartbeats loses its stream, and its node is stored as gone."""
    agent = NodeAgent(channel)
    await agent.hello()
    assert (await agent.failure()).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: not controller.store.state.nodes[0].connected)


@pytest.mark.parametrize("name", ["", "Not A Name", "x" * 64])
async def test_bad_hello_is_refused(controller: Controller, channel: aio.Channel, name: str) -> None:
    """A node without a proper name is refused with the field's path."""
    agent = NodeAgent(channel, name)
    with pytest.raises(aio.AioRpcError) as caught:
        await agent.hello()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "hello.node" in str(caught.value.details())
    assert not controller.nodes.connected


async def test_first_message_must_be_hello(channel: aio.Channel) -> None:
    """A stream that begins with a report is refused."""
    agent = NodeAgent(channel)
    await agent.observe()
    assert (await agent.failure()).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_impossible_port_is_refused(controller: Controller, channel: aio.Channel) -> None:
    """An endpoint that nobody can dial never reaches clients."""
    agent = NodeAgent(channel)
    await agent.hello()
    end = type_pb2.Endpoint(host="127.0.0.1", port=70_000, ready=True)
    await agent.observe(node_pb2.SegmentStatus(id="s", endpoints=[end]))
    error = await agent.failure()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "observed.segments[0].endpoints.port" in str(error.details())


async def test_replica_that_does_not_lead_sends_agents_away() -> None:
    """Agents dial again until they find the leader; one that loses leadership sends its agents away too."""
    async with Controller(epoch=0) as controller, aio_channel(controller.target) as channel:
        agent = NodeAgent(channel)
        with pytest.raises(aio.AioRpcError) as caught:
            await agent.hello()
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        controller.store.epoch = 3
        controller.leader.win(3)
        agent = NodeAgent(channel)
        assert (await agent.hello()).epoch == 3
        await agent.observe()
        controller.leader.lose()
        controller.nodes.resign()
        assert (await agent.failure()).code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_stop_ends_streams_at_once(controller: Controller, channel: aio.Channel) -> None:
    """A stopping controller ends its links within its grace, and marks nobody as gone."""
    agent = NodeAgent(channel)
    await serving(controller, agent)
    await asyncio.wait_for(controller.server.stop(30), 5)
    assert await agent.read() is aio.EOF
    assert controller.store.state.nodes[0].connected


async def test_nodes_of_a_crashed_controller_are_found_gone(controller: Controller) -> None:
    """A node that is stored as connected, by a controller that was killed, is marked gone if it does not dial."""
    await controller.store.node_hello(Node("lost", "127.0.0.1", True, now()))
    await until(lambda: not controller.store.state.nodes[0].connected)


async def test_node_that_is_here_is_stored_as_connected(controller: Controller, channel: aio.Channel) -> None:
    """A late word of a former leader that a node is gone is put right while its stream is open."""
    agent = NodeAgent(channel)
    await agent.hello()
    await agent.observe()
    await controller.store.node_gone("n0")
    await until(lambda: controller.store.state.nodes[0].connected)


async def test_restart_keeps_serving_before_agents_are_back(controller: Controller, channel: aio.Channel) -> None:
    """A controller that starts on a plane with ready segments announces them before any agent has dialled."""
    agent = NodeAgent(channel)
    await serving(controller, agent)
    store = controller.store
    async with Controller(store, epoch=2) as restarted:
        await until(lambda: restarted.xds.published is not None)
        assert restarted.xds.published is not None
        said = controller.xds.published
        assert said is not None
        assert restarted.xds.published.versions == said.versions
        assert not restarted.nodes.connected


async def test_deposed_leader_commits_nothing(controller: Controller, channel: aio.Channel) -> None:
    """A controller whose epoch is over decides what it likes: the store refuses it (scenario 10)."""
    agent = NodeAgent(channel)
    await agent.hello()
    await agent.observe()
    controller.store.epoch = 9
    commits = controller.store.commits
    controller.store.apply(workload("a", 40))
    await asyncio.sleep(0.5)
    assert controller.store.commits == commits
    assert controller.store.state.segments == ()


async def test_moved_basis_is_decided_again(controller: Controller, channel: aio.Channel) -> None:
    """Changes that come while a turn decides cost another turn, not the plan."""
    agent = NodeAgent(channel)
    await agent.hello()
    await agent.observe()
    for rate in range(10, 60, 10):
        controller.store.apply(workload("a", float(rate)))
        await asyncio.sleep(0)
    await until(lambda: controller.store.state.workloads[0].status.observed_generation == 5)
    state = controller.store.state
    controller.store.state = replace(state, basis=state.basis + 1)
    assert sum(s.throughput for s in state.segments) >= 50
