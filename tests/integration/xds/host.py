"""A GPU host without GPUs: an agent over gRPC that starts an echo server for each process that it is told to run."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from grpc import aio

from common.rpc.channel import aio_channel
from protos.sliceplane.node.v1 import node_pb2, node_pb2_grpc
from protos.sliceplane.type.v1 import type_pb2
from tests.integration.xds.plane import Echo
from tests.strategies_reconcile import PRODUCT

REDIAL_S = 0.2
HEARTBEAT_S = 1.0


class EchoHost:
    """Obeys what it is told; dials again whenever its link breaks."""

    def __init__(self, target: str, name: str = "n0", gpus: int = 2) -> None:
        self._target, self._name, self._gpus = target, name, gpus
        self.running: dict[str, list[Echo]] = {}
        self.dialled = 0
        self._desired = node_pb2.Desired()
        self._task: asyncio.Task[None] | None = None

    @property
    def desired(self) -> list[node_pb2.SegmentSpec]:
        """What it was told to run last."""
        return list(self._desired.segments)

    async def __aenter__(self) -> EchoHost:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        for servers in self.running.values():
            for server in servers:
                await server.stop()

    async def _run(self) -> None:
        while True:
            with suppress(aio.AioRpcError):
                async with aio_channel(self._target) as channel:
                    await self._talk(node_pb2_grpc.NodeLinkServiceStub(channel).Connect())
            await asyncio.sleep(REDIAL_S)

    async def _talk(self, call: Any) -> None:
        hello = node_pb2.Hello(node=self._name, address="localhost", instance_id="1")
        await call.write(node_pb2.ConnectRequest(hello=hello))
        self.dialled += 1
        beating = asyncio.create_task(self._beat(call))
        try:
            while (response := await call.read()) is not aio.EOF:
                if response.WhichOneof("message") == "desired":
                    await self._obey(response.desired)
                    await self._observe(call)
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError, aio.AioRpcError, asyncio.InvalidStateError):
                await beating

    async def _beat(self, call: Any) -> None:
        while True:
            await self._observe(call)
            await asyncio.sleep(HEARTBEAT_S)

    async def _obey(self, desired: node_pb2.Desired) -> None:
        new, old = (desired.epoch, desired.generation), (self._desired.epoch, self._desired.generation)
        assert new >= old, f"{new} was sent after {old}"
        self._desired = desired
        wanted = {spec.id: spec for spec in desired.segments}
        for segment_id in self.running.keys() - wanted.keys():
            for server in self.running.pop(segment_id):
                await server.stop()
        for segment_id in wanted.keys() - self.running.keys():
            count = wanted[segment_id].processes
            self.running[segment_id] = [await Echo(segment_id).start() for _ in range(count)]

    async def _observe(self, call: Any) -> None:
        gpus = [
            node_pb2.GpuStatus(uuid=f"GPU-{self._name}-{i}", index=i, product=PRODUCT, mig_enabled=True, healthy=True)
            for i in range(self._gpus)
        ]
        observed = node_pb2.Observed(
            epoch=self._desired.epoch,
            generation=self._desired.generation,
            gpus=gpus,
            segments=[_status(segment_id, servers) for segment_id, servers in self.running.items()],
        )
        await call.write(node_pb2.ConnectRequest(observed=observed))


def _status(segment_id: str, servers: list[Echo]) -> node_pb2.SegmentStatus:
    ends = [type_pb2.Endpoint(host="localhost", port=server.port, ready=True) for server in servers]
    return node_pb2.SegmentStatus(id=segment_id, state=type_pb2.SEGMENT_STATE_READY, endpoints=ends)
