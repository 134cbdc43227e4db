"""A fake controller, as edge agents see it: the edge link and downloads of bundles."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from common.errors import NotFound
from common.rpc import server as rpc
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc
from protos.sliceplane.model.v1 import model_pb2

CHUNK = 1000


class FakeController(edge_pb2_grpc.EdgeLinkServiceServicer):
    """Tells every agent its `assign`ment; tests read `hellos`, `reports` and `downloads`."""

    def __init__(self) -> None:
        self.hellos: list[edge_pb2.Hello] = []
        self.reports: list[edge_pb2.Report] = []
        self.downloads: list[tuple[str, int]] = []
        self.port = 0
        self._files: dict[str, bytes] = {}
        self._assignment = edge_pb2.Assignment(message="there is no workload")
        self._change = asyncio.Event()
        self._server: rpc.Server | None = None

    async def start(self) -> FakeController:
        """Listens, on the same port as before if there was one."""
        self._server = rpc.build([f"127.0.0.1:{self.port}"])
        self.port = self._server.ports[0]
        add = edge_pb2_grpc.add_EdgeLinkServiceServicer_to_server
        rpc.add(self._server, "sliceplane.edge.v1.EdgeLinkService", add, self)
        download = grpc.unary_stream_rpc_method_handler(
            self._download,
            request_deserializer=model_pb2.DownloadModelRequest.FromString,
            response_serializer=model_pb2.DownloadModelResponse.SerializeToString,
        )
        models = grpc.method_handlers_generic_handler("sliceplane.model.v1.ModelService", {"DownloadModel": download})
        self._server.raw.add_generic_rpc_handlers((models,))
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Ends at once."""
        if self._server:
            await self._server.stop(0)
            self._server = None

    def assign(self, content: bytes, target: str, *others: tuple[bytes, str]) -> None:
        """Tells agents to run that bundle with the tail at `target`, and to hold `others` beside it."""
        beside = [
            edge_pb2.Cut(workload="other", bundle_digest=self._offer(other), tail_target=at) for other, at in others
        ]
        digest = self._offer(content)
        self._tell(edge_pb2.Assignment(workload="net", bundle_digest=digest, tail_target=target, others=beside))

    def _offer(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._files[digest] = content
        return digest

    def withdraw(self) -> None:
        """Tells agents that there is no such workload."""
        self._tell(edge_pb2.Assignment(message='there is no workload "net": apply it'))

    def _tell(self, assignment: edge_pb2.Assignment) -> None:
        assignment.report_interval.CopyFrom(Duration(nanos=500_000_000))
        self._assignment = assignment
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def Connect(
        self, request_iterator: AsyncIterator[edge_pb2.ConnectRequest], context: aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[edge_pb2.ConnectResponse]:
        self.hellos.append((await anext(request_iterator)).hello)
        reading = asyncio.create_task(self._read(request_iterator))
        try:
            while True:
                change = self._change
                yield edge_pb2.ConnectResponse(assignment=self._assignment)
                await change.wait()
        finally:
            reading.cancel()

    async def _read(self, requests: AsyncIterator[edge_pb2.ConnectRequest]) -> None:
        async for request in requests:
            self.reports.append(request.report)

    async def _download(
        self, request: model_pb2.DownloadModelRequest, context: aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[model_pb2.DownloadModelResponse]:
        self.downloads.append((request.digest, request.offset))
        content = self._files.get(request.digest)
        if content is None:
            raise NotFound("model", request.digest)
        for at in range(request.offset, len(content), CHUNK):
            yield model_pb2.DownloadModelResponse(
                chunk=content[at : at + CHUNK], digest=request.digest, size_bytes=len(content)
            )
