"""A controller's loop and links on a fake store, and agents that talk to it over gRPC."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from grpc import aio

from common.rpc import server as rpc
from controller.links.edge import EdgeLinks
from controller.links.node import NodeLinks
from controller.reconcile import Options
from controller.store.wakeups import PgWakeups
from controller.turn import Turns
from controller.xds.server import Xds
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc
from protos.sliceplane.node.v1 import node_pb2, node_pb2_grpc
from protos.sliceplane.type.v1 import type_pb2
from tests.fakes.leader import FakeLeader
from tests.fakes.plane import FakePlaneStore
from tests.strategies_reconcile import MODELS, PRODUCT, PROFILES, model

HEARTBEAT_S = 0.2


def now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


class PokingStore(FakePlaneStore):
    """A store that hints at every write, as the real one does."""

    wakeups: PgWakeups

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "state" and hasattr(self, "wakeups"):
            self.wakeups.poke()


class Controller:
    """All of a controller but its database and its public API."""

    def __init__(self, store: PokingStore | None = None, epoch: int = 1) -> None:
        self.store = store or _store()
        self.store.epoch = epoch
        self.leader = FakeLeader(epoch)
        self.server = rpc.build(["127.0.0.1:0"])
        self.target = f"127.0.0.1:{self.server.ports[0]}"
        self.nodes = NodeLinks(self.store, self.leader, self.server.closing, now, HEARTBEAT_S)
        self.devices = EdgeLinks(self.store, self.server.closing, now, HEARTBEAT_S)
        self.xds = Xds(self.server.closing)
        for service in (self.nodes, self.devices, self.xds):
            service.register(self.server)
        self.turns = Turns(
            self.store,
            self.leader,
            self.store.wakeups,
            self.nodes,
            self.devices,
            self.xds,
            Options(drain_s=0.2),
            turn_s=0.1,
        )
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Controller:
        await self.server.start()
        self._running = asyncio.create_task(self.turns.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop(1)
        assert self._running is not None
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running


def _store() -> PokingStore:
    store = PokingStore()
    store.state = replace(store.state, profiles=PROFILES, models=tuple(model(name) for name in MODELS))
    store.wakeups = PgWakeups()
    return store


class NodeAgent:
    """One stream of a node agent."""

    def __init__(self, channel: aio.Channel, name: str = "n0") -> None:
        self.name = name
        self.desired: node_pb2.Desired | None = None
        self._call: Any = node_pb2_grpc.NodeLinkServiceStub(channel).Connect()

    async def hello(self, address: str = "127.0.0.1") -> node_pb2.Welcome:
        """Dials; the welcome."""
        hello = node_pb2.Hello(node=self.name, address=address, agent_version="1", instance_id="i")
        await self._call.write(node_pb2.ConnectRequest(hello=hello))
        response = await self.read()
        assert response.WhichOneof("message") == "welcome"
        welcome: node_pb2.Welcome = response.welcome
        return welcome

    async def read(self) -> Any:
        """The next response; EOF at the end of the stream."""
        return await asyncio.wait_for(self._call.read(), 10)

    async def next_desired(self) -> node_pb2.Desired:
        """The next desired state."""
        response = await self.read()
        assert response.WhichOneof("message") == "desired"
        self.desired = response.desired
        return response.desired  # type: ignore[no-any-return]

    async def observe(self, *segments: node_pb2.SegmentStatus, gpus: int = 1) -> None:
        """Reports."""
        listed = [
            node_pb2.GpuStatus(uuid=f"GPU-{self.name}-{i}", index=i, product=PRODUCT, mig_enabled=True, healthy=True)
            for i in range(gpus)
        ]
        observed = node_pb2.Observed(
            epoch=self.desired.epoch if self.desired else 0,
            generation=self.desired.generation if self.desired else 0,
            gpus=listed,
            segments=segments,
        )
        await self._call.write(node_pb2.ConnectRequest(observed=observed))

    async def close(self) -> None:
        """Hangs up."""
        await self._call.done_writing()

    def vanish(self) -> None:
        """Dies."""
        self._call.cancel()

    async def failure(self) -> aio.AioRpcError:
        """The error that the stream ended with."""
        with suppress(asyncio.CancelledError):
            try:
                while await self.read() is not aio.EOF:
                    pass
            except aio.AioRpcError as error:
                return error
        raise AssertionError(f"the stream ended well: {await self._call.code()}")


def ready(spec: node_pb2.SegmentSpec, port: int = 9000) -> node_pb2.SegmentStatus:
    """A segment as wanted, all of its processes answering."""
    ends = [type_pb2.Endpoint(host="127.0.0.1", port=port + i, ready=True) for i in range(spec.processes)]
    return node_pb2.SegmentStatus(id=spec.id, state=type_pb2.SEGMENT_STATE_READY, endpoints=ends)


class EdgeAgent:
    """One stream of an edge agent."""

    def __init__(self, channel: aio.Channel, name: str = "d0") -> None:
        self.name = name
        self.call: Any = edge_pb2_grpc.EdgeLinkServiceStub(channel).Connect()

    async def hello(self, workload: str) -> None:
        """Dials."""
        hello = edge_pb2.Hello(device=self.name, agent_version="1", workload=workload)
        await self.call.write(edge_pb2.ConnectRequest(hello=hello))

    async def assignment(self) -> edge_pb2.Assignment:
        """The next assignment."""
        response = await asyncio.wait_for(self.call.read(), 10)
        return response.assignment  # type: ignore[no-any-return]

    async def report(self, **figures: Any) -> None:
        """Reports."""
        await self.call.write(edge_pb2.ConnectRequest(report=edge_pb2.Report(**figures)))


async def until(holds: Any, within_s: float = 10) -> None:
    """Returns once `holds()` is true."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is another process's doing
            await asyncio.sleep(0.02)
