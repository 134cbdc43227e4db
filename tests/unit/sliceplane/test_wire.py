"""The tables between messages and values are whole."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from hypothesis import given

from protos.sliceplane.event.v1 import event_pb2
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from sliceplane import wire
from sliceplane.types import Workload
from tests.strategies_sliceplane import WORKLOADS


@pytest.mark.parametrize(
    ("enum", "table"),
    [
        (type_pb2.ServeKind, wire.SERVE),
        (type_pb2.SegmentState, wire.STATE),
        (type_pb2.ChangeType, wire.CHANGE),
        (workload_pb2.ApplyOutcome, wire.OUTCOME),
        (model_pb2.ModelFormat, wire.FORMAT),
        (plan_pb2.PlanAction, wire.ACTION),
        (event_pb2.Severity, wire.SEVERITY),
    ],
)
def test_every_enum_value_has_a_word(enum: EnumTypeWrapper, table: Mapping[int, str]) -> None:
    """Each value but "not said" is in its table."""
    assert set(enum.values()) - {0} <= set(table)


@given(WORKLOADS)
def test_a_workload_survives_the_wire(workload: Workload) -> None:
    """Name, spec, labels and etag come back as they were sent."""
    back = wire.workload(wire.workload_message(workload))
    assert (back.name, back.spec, back.etag) == (workload.name, workload.spec, workload.etag)
    assert dict(back.labels) == dict(workload.labels)


def test_a_word_of_a_newer_server_is_unknown() -> None:
    """An enum value that this client has no word for is shown as unknown."""
    message = workload_pb2.ApplyWorkloadResponse(outcome=99)  # type: ignore[arg-type]
    assert wire.applied(message).outcome == "unknown"
