"""Link messages to domain values and back."""

from __future__ import annotations

import pytest

from common.errors import InvalidArgument
from controller.links import wire
from controller.model import Node, Segment, Serve, State
from controller.tenants import Tenant
from protos.sliceplane.edge.v1 import edge_pb2
from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.type.v1 import type_pb2
from tests.fakes.plane import EPOCH_0
from tests.strategies_reconcile import digest

NODE = Node("n0", "10.0.0.1", True, EPOCH_0)


def test_every_state_and_kind_has_a_word() -> None:
    """The tables are whole: every segment state that an agent may send, and every serve kind."""
    sent = set(type_pb2.SegmentState.values()) - {type_pb2.SEGMENT_STATE_UNSPECIFIED}
    assert wire.STATES.keys() == sent
    assert wire.SERVE.keys() == set(Serve)


@pytest.mark.parametrize("state", [0, 77])
def test_unknown_state_does_not_serve(state: int) -> None:
    """A state that this controller does not know is read as failed: never as ready."""
    message = node_pb2.Observed(segments=[node_pb2.SegmentStatus(id="s", state=state)])  # type: ignore[arg-type]
    _, _, (segment,) = wire.observed_in(NODE, message, EPOCH_0)
    assert segment.state is State.FAILED


def test_endpoints_without_a_host_are_dialled_at_the_nodes_address() -> None:
    """An agent may leave out what its hello has said."""
    end = type_pb2.Endpoint(port=8001, ready=True)
    message = node_pb2.Observed(segments=[node_pb2.SegmentStatus(id="s", endpoints=[end])])
    _, _, (segment,) = wire.observed_in(NODE, message, EPOCH_0)
    assert segment.endpoints[0].host == "10.0.0.1"


def test_gpu_without_uuid_is_refused() -> None:
    """A GPU that cannot be told from another is refused."""
    with pytest.raises(InvalidArgument, match="uuid"):
        wire.observed_in(NODE, node_pb2.Observed(gpus=[node_pb2.GpuStatus()]), EPOCH_0)


def test_report_keeps_conditions_and_generation() -> None:
    """What the agent says of itself reaches the node."""
    condition = type_pb2.Condition(
        type="Stuck", status=type_pb2.CONDITION_STATUS_TRUE, reason="IN_USE", message="dcgm holds it"
    )
    message = node_pb2.Observed(generation=7, driver_version="550", conditions=[condition])
    node, gpus, segments = wire.observed_in(NODE, message, EPOCH_0)
    assert (node.observed, node.driver_version, gpus, segments) == (7, "550", (), ())
    assert (node.conditions[0].type, node.conditions[0].status, node.conditions[0].since) == ("Stuck", True, None)


def test_desired_state_says_all_that_an_agent_needs() -> None:
    """Every field of a segment's specification is filled from the segment."""
    segment = Segment(
        id="seg-1",
        workload="w",
        node="n0",
        gpu_uuid="GPU-0",
        gpu_index=0,
        start=4,
        gpcs=3,
        memory_slices=4,
        profile="3g.40gb",
        batch=8,
        processes=2,
        throughput=1.0,
        latency_ms=1.0,
        model_digest=digest(1),
        serve=Serve.TAIL,
        max_queue_delay_us=512,
        tenants=(Tenant("a", digest(2), 4, 64, 1.0, 1.0),),
    )
    message = wire.desired_out(5, 9, [segment])
    assert (message.epoch, message.generation) == (5, 9)
    (spec,) = message.segments
    assert {field.name for field, _ in spec.ListFields()} == set(spec.DESCRIPTOR.fields_by_name)
    assert spec.serve == type_pb2.SERVE_KIND_TAIL
    assert (spec.start, spec.gpcs, spec.memory_slices) == (4, 3, 4)
    assert list(spec.tenants) == [node_pb2.Tenant(workload="a", model_digest=digest(2), batch=4, priority=64)]


def test_hello_needs_an_address() -> None:
    """A host that nobody can dial is refused with the field's path."""
    with pytest.raises(InvalidArgument, match=r"hello\.address"):
        wire.node_in(node_pb2.Hello(node="n0"), EPOCH_0)


def test_device_report() -> None:
    """A report's figures reach the device, which keeps who it is."""
    device = wire.device_in(edge_pb2.Hello(device="d0", workload="w", agent_version="2"), EPOCH_0)
    message = edge_pb2.Report(bundle_digest=digest(1), frames_split=1, frames_local=2, frames_failed=3, bytes_sent=4)
    reported = wire.report_in(device, message, EPOCH_0)
    assert (reported.name, reported.workload, reported.agent_version, reported.connected) == ("d0", "w", "2", True)
    assert (reported.frames_split, reported.frames_local, reported.frames_failed, reported.bytes_sent) == (1, 2, 3, 4)
