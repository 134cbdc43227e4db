"""The link to the controller: dial, say hello, report, obey; on any failure dial again. Offline, what runs goes on."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import structlog
from grpc import aio

from common.backoff import delays
from common.errors import SliceplaneError
from common.version import installed
from node_agent import wire
from node_agent.agent import Agent
from protos.sliceplane.node.v1 import node_pb2 as pb
from protos.sliceplane.node.v1 import node_pb2_grpc

log = structlog.get_logger("link")
QUIET_S = 0.05  # changes that come together are reported together


@dataclass
class Link:
    """One stream at a time on `channel`, for the host `node` whose endpoints are dialled at `address`."""

    agent: Agent
    channel: aio.Channel
    node: str
    address: str
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    heartbeat_s: float = 5.0

    async def run(self, stop: asyncio.Event) -> None:
        """Holds the link until `stop`."""
        pauses = delays()
        while not stop.is_set():
            try:
                await self._session(stop)
                pauses = delays()
            except grpc.RpcError as error:
                call = error if isinstance(error, aio.AioRpcError) else None
                log.warning("link lost", why=call.details() if call else str(error))
            except (SliceplaneError, OSError) as error:  # a desired state that makes no sense, or a journal's full disk
                log.error("desired state not taken", why=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), next(pauses))

    async def _session(self, stop: asyncio.Event) -> None:
        stub = node_pb2_grpc.NodeLinkServiceStub(self.channel)
        ended = asyncio.Event()
        call: Any = stub.Connect(self._reports(stop, ended))
        cut = asyncio.create_task(_cancel_at(stop, call))
        try:
            while (answer := await call.read()) is not aio.EOF:
                self._obey(answer)
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
        finally:
            ended.set()
            cut.cancel()
            call.cancel()

    def _obey(self, answer: pb.ConnectResponse) -> None:
        if answer.HasField("welcome"):
            self.heartbeat_s = answer.welcome.heartbeat_s or self.heartbeat_s
            log.info("linked", epoch=answer.welcome.epoch)
        elif answer.HasField("desired"):
            self.agent.accept(wire.desired(answer.desired))

    async def _reports(self, stop: asyncio.Event, ended: asyncio.Event) -> AsyncIterator[pb.ConnectRequest]:
        hello = pb.Hello(node=self.node, address=self.address, agent_version=installed(), instance_id=self.instance)
        yield pb.ConnectRequest(hello=hello)
        await self.agent.surveyed.wait()
        while not (stop.is_set() or ended.is_set()):
            self.agent.changed.clear()
            yield pb.ConnectRequest(observed=wire.observed(self.agent.observed()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.agent.changed.wait(), self.heartbeat_s)
            await asyncio.sleep(QUIET_S)


async def _cancel_at(stop: asyncio.Event, call: Any) -> None:
    await stop.wait()
    call.cancel()
