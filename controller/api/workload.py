"""Serves WorkloadService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from controller.api import wire
from controller.api.pages import fitting
from controller.api.streams import until
from controller.service.workloads import Workloads
from protos.sliceplane.workload.v1 import workload_pb2 as pb
from protos.sliceplane.workload.v1 import workload_pb2_grpc


class WorkloadServicer(workload_pb2_grpc.WorkloadServiceServicer):
    """Decode, call, encode."""

    def __init__(self, workloads: Workloads, closing: asyncio.Event) -> None:
        self._workloads, self._closing = workloads, closing

    async def ApplyWorkload(self, request: pb.ApplyWorkloadRequest, context: Any) -> pb.ApplyWorkloadResponse:
        """Creates or replaces."""
        asked = wire.workload_in(request.workload)
        stored, outcome, lines = await self._workloads.apply(asked, request.request_id, request.validate_only)
        return pb.ApplyWorkloadResponse(
            workload=wire.workload_out(stored), outcome=wire.OUTCOME[outcome], plan_preview=lines
        )

    async def GetWorkload(self, request: pb.GetWorkloadRequest, context: Any) -> pb.GetWorkloadResponse:
        """Reads one."""
        return pb.GetWorkloadResponse(workload=wire.workload_out(await self._workloads.get(request.name)))

    async def ListWorkloads(self, request: pb.ListWorkloadsRequest, context: Any) -> pb.ListWorkloadsResponse:
        """Reads a page."""
        asked = (request.page_size, request.page_token)
        found, page = await fitting(self._workloads.list, wire.workload_out, *asked)
        return pb.ListWorkloadsResponse(workloads=found, next_page_token=page.next_token, revision=page.revision)

    async def DeleteWorkload(self, request: pb.DeleteWorkloadRequest, context: Any) -> pb.DeleteWorkloadResponse:
        """Removes one."""
        await self._workloads.delete(
            request.name, request.etag, request.request_id, request.allow_missing, request.validate_only
        )
        return pb.DeleteWorkloadResponse()

    async def WatchWorkloads(
        self, request: pb.WatchWorkloadsRequest, context: Any
    ) -> AsyncIterator[pb.WatchWorkloadsResponse]:
        """Streams changes."""
        async for change in until(self._closing, self._workloads.watch(request.resume_revision, request.name)):
            found = wire.workload_out(change.value) if change.value else None
            yield pb.WatchWorkloadsResponse(workload=found, **wire.change_out(change))
