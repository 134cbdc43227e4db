"""The link to the controller: says who we are, hears what to run, reports; and fetches bundles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import structlog
from grpc import aio

from common import backoff
from common.rpc.channel import aio_channel
from common.rpc.status import from_rpc_error
from edge_agent.model import Assignment, CutAt
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc

REPORT_S = 5.0
log = structlog.get_logger("link")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this agent is."""

    device: str
    version: str
    workload: str


class ControllerLink:
    """Dials the controller at `address` and stays connected; offline, what runs goes on."""

    def __init__(
        self,
        address: str,
        identity: Identity,
        report: Callable[[], edge_pb2.Report],
        assign: Callable[[Assignment], None],
    ) -> None:
        self._channel = aio_channel(address)
        self._address = address
        self._identity = identity
        self._report = report
        self._assign = assign
        self._report_s = REPORT_S

    async def run(self) -> None:
        """Connects, and again whenever the stream ends, until cancelled."""
        pauses, heard = backoff.delays(), False
        while True:
            heard, why = await self._once()
            if heard:
                pauses = backoff.delays()
            pause = next(pauses)
            log.warning("no link to the controller", controller=self._address, why=why, retry_s=round(pause, 2))
            await asyncio.sleep(pause)

    async def fetch(self, digest: str, offset: int) -> AsyncIterator[bytes]:
        """The bytes of a bundle from `offset` on. Raises NotFound, Unavailable, ... of the closed set."""
        request = model_pb2.DownloadModelRequest(digest=digest, offset=offset)
        try:
            async for response in model_pb2_grpc.ModelServiceStub(self._channel).DownloadModel(request):
                yield response.chunk
        except aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def _once(self) -> tuple[bool, str]:
        """One stream to its end: whether anything was heard, and why it ended."""
        call, heard = edge_pb2_grpc.EdgeLinkServiceStub(self._channel).Connect(), False
        reporter = asyncio.create_task(self._say(call))
        try:
            async for response in call:
                heard = True
                self._heard(response.assignment)
            return heard, "the controller ended the stream"
        except aio.AioRpcError as error:
            return heard, from_rpc_error(error).message
        finally:
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)
            call.cancel()

    def _heard(self, message: edge_pb2.Assignment) -> None:
        interval = message.report_interval.seconds + message.report_interval.nanos / 1e9
        self._report_s = max(0.5, interval) if interval > 0 else REPORT_S
        target = message.tail_target if message.workload else ""
        beside = [other.workload for other in message.others]
        log.info("assignment", workload=message.workload, bundle=message.bundle_digest, target=target, beside=beside)
        others = tuple(CutAt(one.bundle_digest, one.tail_target) for one in message.others)
        self._assign(Assignment(message.bundle_digest, target, message.message, others))

    async def _say(self, call: aio.StreamStreamCall[edge_pb2.ConnectRequest, edge_pb2.ConnectResponse]) -> None:
        who = self._identity
        hello = edge_pb2.Hello(device=who.device, agent_version=who.version, workload=who.workload)
        await call.write(edge_pb2.ConnectRequest(hello=hello))
        while True:
            await asyncio.sleep(self._report_s)
            await call.write(edge_pb2.ConnectRequest(report=self._report()))
