"""A controller as a node agent sees it: takes links, hands out a desired state and models, keeps the last report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from common.errors import NotFound
from common.rpc.server import Server, add, build
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc
from protos.sliceplane.node.v1 import node_pb2, node_pb2_grpc

NODE, MODEL = "sliceplane.node.v1.NodeLinkService", "sliceplane.model.v1.ModelService"


class NodeController:
    """Serves NodeLinkService and ModelService's download; `want` changes what the agent shall run."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.desired = node_pb2.Desired(epoch=1, generation=1)
        self.reports: list[node_pb2.Observed] = []
        self.hellos: list[node_pb2.Hello] = []
        self.changed = asyncio.Event()
        self.server: Server | None = None

    @property
    def report(self) -> node_pb2.Observed:
        """The last report; an empty one before the first."""
        return self.reports[-1] if self.reports else node_pb2.Observed()

    async def start(self, port: int = 0) -> int:
        """Listens on loopback; the port."""
        self.server = build([f"127.0.0.1:{port}"])
        links, models = _Links(self), _Downloads(self.files)
        add(self.server, NODE, node_pb2_grpc.add_NodeLinkServiceServicer_to_server, links)
        add(self.server, MODEL, model_pb2_grpc.add_ModelServiceServicer_to_server, models)
        await self.server.start()
        return self.server.ports[0]

    async def stop(self) -> None:
        """Goes away at once."""
        assert self.server is not None
        await self.server.stop(0)

    def want(self, *segments: node_pb2.SegmentSpec, epoch: int = 1) -> None:
        """Changes the desired state; its generation grows."""
        generation = self.desired.generation + 1
        self.desired = node_pb2.Desired(epoch=epoch, generation=generation, segments=segments)
        self.changed.set()


class _Links(node_pb2_grpc.NodeLinkServiceServicer):
    def __init__(self, controller: NodeController) -> None:
        self.controller = controller

    async def Connect(self, request_iterator: Any, context: Any) -> AsyncIterator[node_pb2.ConnectResponse]:
        """One agent's link."""
        controller = self.controller
        reader = asyncio.create_task(self._read(request_iterator))
        try:
            yield node_pb2.ConnectResponse(welcome=node_pb2.Welcome(epoch=1, heartbeat_s=1.0))
            while not reader.done():
                controller.changed.clear()
                yield node_pb2.ConnectResponse(desired=controller.desired)
                waits = [asyncio.create_task(controller.changed.wait()), reader]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                waits[0].cancel()
        finally:
            reader.cancel()

    async def _read(self, requests: Any) -> None:
        async for request in requests:
            if request.HasField("hello"):
                self.controller.hellos.append(request.hello)
            else:
                self.controller.reports.append(request.observed)


class _Downloads(model_pb2_grpc.ModelServiceServicer):
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    async def DownloadModel(self, request: Any, context: Any) -> AsyncIterator[model_pb2.DownloadModelResponse]:
        """The file of a digest in one chunk."""
        if request.digest not in self.files:
            raise NotFound("model version", request.digest)
        content = self.files[request.digest]
        yield model_pb2.DownloadModelResponse(chunk=content[request.offset :], digest=request.digest)

    UploadModel = GetModel = ListModels = DeleteModel = None  # type: ignore[assignment]  # no agent calls them
