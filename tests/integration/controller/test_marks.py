"""Operators cordon GPUs and pin segments: it is kept, told, and repeated at no cost."""

from __future__ import annotations

import grpc
import pytest

from protos.sliceplane.event.v1 import event_pb2 as event
from protos.sliceplane.fleet.v1 import fleet_pb2 as fleet
from tests.integration.controller.conftest import Api
from tests.integration.controller.test_others import _host as host
from tests.integration.controller.test_workloads import fails
from tests.plane_values import gpu as reported
from tests.plane_values import node


async def _gpu(api: Api) -> fleet.Gpu:
    return (await api.fleet.ListGpus(fleet.ListGpusRequest())).gpus[0]


async def _reports(api: Api) -> None:
    """The host says how things are, with something new in it."""
    await api.stores.plane.node_observed(node(driver_version="580"), [reported()], [])


async def _reasons(api: Api) -> list[str]:
    return [one.reason for one in (await api.events.ListEvents(event.ListEventsRequest())).events]


async def test_a_gpu_is_cordoned_until_it_is_uncordoned(api: Api) -> None:
    """The list says so and how to undo it, over reports of its host; events tell of changes, not of repetitions."""
    await host(api)
    gpu = await _gpu(api)
    assert (gpu.schedulable, gpu.cordoned) == (True, False)
    for _ in range(2):
        done = await api.fleet.CordonGpu(fleet.CordonGpuRequest(uuid=gpu.uuid))
        assert done.gpu.cordoned
    await _reports(api)
    cordoned = await _gpu(api)
    assert (cordoned.schedulable, cordoned.cordoned) == (False, True)
    assert f"sliceplane uncordon {gpu.node}/{gpu.index}" in cordoned.unschedulable_reason
    await api.fleet.UncordonGpu(fleet.UncordonGpuRequest(uuid=gpu.uuid))
    assert (await _gpu(api)).schedulable
    assert [reason for reason in await _reasons(api) if "ordoned" in reason] == ["Cordoned", "Uncordoned"]


async def test_a_segment_is_pinned_until_it_is_unpinned(api: Api) -> None:
    """As with GPUs; a repeat of a request is answered, and changes nothing."""
    await host(api)
    (segment, *_) = (await api.fleet.ListSegments(fleet.ListSegmentsRequest())).segments
    assert (await api.fleet.PinSegment(fleet.PinSegmentRequest(id=segment.id, request_id="p"))).segment.pinned
    await _reports(api)
    assert (await api.fleet.ListSegments(fleet.ListSegmentsRequest())).segments[0].pinned
    await api.fleet.UnpinSegment(fleet.UnpinSegmentRequest(id=segment.id))
    assert (await api.fleet.PinSegment(fleet.PinSegmentRequest(id=segment.id, request_id="p"))).segment.id == segment.id
    assert not (await api.fleet.ListSegments(fleet.ListSegmentsRequest())).segments[0].pinned


@pytest.mark.parametrize("given", ["", "GPU-none", "x\0"])
async def test_what_is_not_there_is_refused(api: Api, given: str) -> None:
    """NOT_FOUND for another, INVALID_ARGUMENT for none."""
    expected = grpc.StatusCode.NOT_FOUND if given == "GPU-none" else grpc.StatusCode.INVALID_ARGUMENT
    code, _ = await fails(api.fleet.CordonGpu(fleet.CordonGpuRequest(uuid=given)))
    assert code is expected
    code, _ = await fails(api.fleet.PinSegment(fleet.PinSegmentRequest(id=given)))
    assert code is expected
