"""The client's verbs for the fleet: hosts, GPUs, segments, devices."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from protos.sliceplane.fleet.v1 import fleet_pb2 as pb
from protos.sliceplane.fleet.v1.fleet_pb2_grpc import FleetServiceStub
from sliceplane import wire
from sliceplane.client.calls import Calls, request_id_or_new
from sliceplane.client.watching import changes
from sliceplane.types import Change, Device, Gpu, Node, Segment


class FleetVerbs:
    """Reads what the agents reported, forgets what is gone for good, cordons and pins."""

    _calls: Calls

    @property
    def _fleet_stub(self) -> FleetServiceStub:
        return FleetServiceStub(self._calls.channel)

    def nodes(self) -> tuple[Node, ...]:
        """Every GPU host, by name."""
        pages = self._calls.pages(self._fleet_stub.ListNodes, pb.ListNodesRequest)
        return tuple(wire.node(one) for page in pages for one in page.nodes)

    def gpus(self, *, node: str = "") -> tuple[Gpu, ...]:
        """Every GPU (of one host), by host and index."""
        pages = self._calls.pages(self._fleet_stub.ListGpus, pb.ListGpusRequest, node=node)
        return tuple(wire.gpu(one) for page in pages for one in page.gpus)

    def segments(self, *, workload: str = "", node: str = "") -> tuple[Segment, ...]:
        """Every segment (of one workload, on one host), by host, GPU and start."""
        pages = self._calls.pages(self._fleet_stub.ListSegments, pb.ListSegmentsRequest, workload=workload, node=node)
        return tuple(wire.segment(one) for page in pages for one in page.segments)

    def devices(self) -> tuple[Device, ...]:
        """Every edge device, by name."""
        pages = self._calls.pages(self._fleet_stub.ListDevices, pb.ListDevicesRequest)
        return tuple(wire.device(one) for page in pages for one in page.devices)

    def watch_segments(self, workload: str = "", *, resume_revision: int = 0) -> Generator[Change[Segment], None, None]:
        """Endless changes of segments; see `watch`."""

        def open_at(revision: int) -> Iterator[Change[Segment]]:
            request = pb.WatchSegmentsRequest(resume_revision=revision, workload=workload)
            for m in self._calls.opened(self._fleet_stub.WatchSegments, request):
                value = wire.segment(m.segment) if m.HasField("segment") else None
                yield Change(wire.CHANGE.get(m.type, wire.UNKNOWN), value, m.revision)

        return changes(self._calls, open_at, lambda segment: segment.id, resume_revision)

    def delete_node(self, name: str, *, request_id: str | None = None) -> None:
        """Forgets a host with its GPUs and segments. NotFound; FailedPrecondition while it is connected."""
        request = pb.DeleteNodeRequest(name=name, request_id=request_id_or_new(request_id))
        self._calls.unary(self._fleet_stub.DeleteNode, request)

    def delete_device(self, name: str, *, request_id: str | None = None) -> None:
        """Forgets a device. NotFound; FailedPrecondition while it is connected."""
        request = pb.DeleteDeviceRequest(name=name, request_id=request_id_or_new(request_id))
        self._calls.unary(self._fleet_stub.DeleteDevice, request)

    def cordon_gpu(self, uuid: str, *, request_id: str | None = None) -> Gpu:
        """Takes a GPU out of placement: what runs there stays, nothing new comes. NotFound."""
        request = pb.CordonGpuRequest(uuid=uuid, request_id=request_id_or_new(request_id))
        return wire.gpu(self._calls.unary(self._fleet_stub.CordonGpu, request).gpu)

    def uncordon_gpu(self, uuid: str, *, request_id: str | None = None) -> Gpu:
        """Puts a GPU back into placement. NotFound."""
        request = pb.UncordonGpuRequest(uuid=uuid, request_id=request_id_or_new(request_id))
        return wire.gpu(self._calls.unary(self._fleet_stub.UncordonGpu, request).gpu)

    def pin_segment(self, segment_id: str, *, request_id: str | None = None) -> Segment:
        """Keeps a segment where it is, as long as its workload wants one like it. NotFound."""
        request = pb.PinSegmentRequest(id=segment_id, request_id=request_id_or_new(request_id))
        return wire.segment(self._calls.unary(self._fleet_stub.PinSegment, request).segment)

    def unpin_segment(self, segment_id: str, *, request_id: str | None = None) -> Segment:
        """Lets a segment be moved again. NotFound."""
        request = pb.UnpinSegmentRequest(id=segment_id, request_id=request_id_or_new(request_id))
        return wire.segment(self._calls.unary(self._fleet_stub.UnpinSegment, request).segment)
