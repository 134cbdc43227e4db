"""Serves FleetService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from controller.api import wire
from controller.api.pages import fitting
from controller.api.streams import until
from controller.service.fleet import Fleet
from protos.sliceplane.fleet.v1 import fleet_pb2 as pb
from protos.sliceplane.fleet.v1 import fleet_pb2_grpc


class FleetServicer(fleet_pb2_grpc.FleetServiceServicer):
    """Decode, call, encode."""

    def __init__(self, fleet: Fleet, closing: asyncio.Event) -> None:
        self._fleet, self._closing = fleet, closing

    async def ListNodes(self, request: pb.ListNodesRequest, context: Any) -> pb.ListNodesResponse:
        """Reads a page of hosts."""
        found, page = await fitting(self._fleet.nodes, wire.node_out, request.page_size, request.page_token)
        return pb.ListNodesResponse(nodes=found, next_page_token=page.next_token)

    async def ListGpus(self, request: pb.ListGpusRequest, context: Any) -> pb.ListGpusResponse:
        """Reads a page of GPUs."""
        read = partial(self._fleet.gpus, node=request.node)
        found, page = await fitting(read, wire.gpu_out, request.page_size, request.page_token)
        return pb.ListGpusResponse(gpus=found, next_page_token=page.next_token)

    async def ListSegments(self, request: pb.ListSegmentsRequest, context: Any) -> pb.ListSegmentsResponse:
        """Reads a page of segments."""
        read = partial(self._fleet.segments, workload=request.workload, node=request.node)
        found, page = await fitting(read, wire.segment_out, request.page_size, request.page_token)
        return pb.ListSegmentsResponse(segments=found, next_page_token=page.next_token, revision=page.revision)

    async def ListDevices(self, request: pb.ListDevicesRequest, context: Any) -> pb.ListDevicesResponse:
        """Reads a page of devices."""
        found, page = await fitting(self._fleet.devices, wire.device_out, request.page_size, request.page_token)
        return pb.ListDevicesResponse(devices=found, next_page_token=page.next_token)

    async def WatchSegments(
        self, request: pb.WatchSegmentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchSegmentsResponse]:
        """Streams changes of segments."""
        async for change in until(self._closing, self._fleet.watch_segments(request.resume_revision, request.workload)):
            found = wire.segment_out(change.value) if change.value else None
            yield pb.WatchSegmentsResponse(segment=found, **wire.change_out(change))

    async def DeleteNode(self, request: pb.DeleteNodeRequest, context: Any) -> pb.DeleteNodeResponse:
        """Forgets a host."""
        await self._fleet.delete_node(request.name, request.request_id)
        return pb.DeleteNodeResponse()

    async def DeleteDevice(self, request: pb.DeleteDeviceRequest, context: Any) -> pb.DeleteDeviceResponse:
        """Forgets a device."""
        await self._fleet.delete_device(request.name, request.request_id)
        return pb.DeleteDeviceResponse()

    async def CordonGpu(self, request: pb.CordonGpuRequest, context: Any) -> pb.CordonGpuResponse:
        """Takes a GPU out of placement."""
        found = await self._fleet.cordon_gpu(request.uuid, cordoned=True, request_id=request.request_id)
        return pb.CordonGpuResponse(gpu=wire.gpu_out(found))

    async def UncordonGpu(self, request: pb.UncordonGpuRequest, context: Any) -> pb.UncordonGpuResponse:
        """Puts a GPU back into placement."""
        found = await self._fleet.cordon_gpu(request.uuid, cordoned=False, request_id=request.request_id)
        return pb.UncordonGpuResponse(gpu=wire.gpu_out(found))

    async def PinSegment(self, request: pb.PinSegmentRequest, context: Any) -> pb.PinSegmentResponse:
        """Keeps a segment where it is."""
        found = await self._fleet.pin_segment(request.id, pinned=True, request_id=request.request_id)
        return pb.PinSegmentResponse(segment=wire.segment_out(found))

    async def UnpinSegment(self, request: pb.UnpinSegmentRequest, context: Any) -> pb.UnpinSegmentResponse:
        """Lets a segment be moved again."""
        found = await self._fleet.pin_segment(request.id, pinned=False, request_id=request.request_id)
        return pb.UnpinSegmentResponse(segment=wire.segment_out(found))
