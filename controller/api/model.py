"""Serves ModelService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from common.errors import InvalidArgument, Violation
from controller.api import wire
from controller.api.pages import fitting
from controller.service.models import Models
from protos.sliceplane.model.v1 import model_pb2 as pb
from protos.sliceplane.model.v1 import model_pb2_grpc

CHUNK = 1 << 20


class ModelServicer(model_pb2_grpc.ModelServiceServicer):
    """Decode, call, encode."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def UploadModel(self, requests: AsyncIterator[pb.UploadModelRequest], context: Any) -> pb.UploadModelResponse:
        """Stores one version."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidArgument(Violation("header", "the first message must carry the header"))
        model, existed = await self._models.upload(wire.header_in(first.header), _chunks(requests))
        return pb.UploadModelResponse(model=wire.model_out(model), already_existed=existed)

    async def DownloadModel(
        self, request: pb.DownloadModelRequest, context: Any
    ) -> AsyncIterator[pb.DownloadModelResponse]:
        """Streams one version."""
        version, chunks = await self._models.download(request.name, request.digest, request.offset)
        yield pb.DownloadModelResponse(digest=version.digest, size_bytes=version.size_bytes)
        async with aclosing(chunks) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                yield pb.DownloadModelResponse(chunk=chunk)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        """Reads one."""
        return pb.GetModelResponse(model=wire.model_out(await self._models.get(request.name)))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """Reads a page."""
        found, page = await fitting(self._models.list, wire.model_out, request.page_size, request.page_token)
        return pb.ListModelsResponse(models=found, next_page_token=page.next_token)

    async def DeleteModel(self, request: pb.DeleteModelRequest, context: Any) -> pb.DeleteModelResponse:
        """Removes one."""
        await self._models.delete(
            request.name, request.etag, request.request_id, request.allow_missing, request.validate_only
        )
        return pb.DeleteModelResponse()


async def _chunks(requests: AsyncIterator[pb.UploadModelRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise InvalidArgument(Violation("chunk", "every message after the first must carry a chunk"))
        if len(request.chunk) > CHUNK:
            raise InvalidArgument(Violation("chunk", f"{len(request.chunk)} bytes, at most {CHUNK} in one message"))
        yield request.chunk
