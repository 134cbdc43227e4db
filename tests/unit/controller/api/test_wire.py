"""Messages and domain values."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from typing import Any

import pytest

from controller.api import wire
from controller.model import (
    Change,
    Device,
    Endpoint,
    Outcome,
    Plan,
    PlannedSegment,
    Segment,
    Serve,
    State,
    WorkloadSpec,
)
from controller.tenants import Tenant
from protos.sliceplane.fleet.v1 import fleet_pb2
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from sliceplane import types as client_types
from sliceplane import wire as client_wire
from tests.plane_values import digest, segment

TABLES = [
    (wire.SERVE, Serve, type_pb2.ServeKind),
    (wire.STATE, State, type_pb2.SegmentState),
    (wire.CHANGE, Change, type_pb2.ChangeType),
    (wire.OUTCOME, Outcome, workload_pb2.ApplyOutcome),
    (wire.HOLDS, (True, False, None), type_pb2.ConditionStatus),
    (wire.FORMAT, ("onnx", "bundle"), model_pb2.ModelFormat),
    (wire.ACTION, ("keep", "create", "remove"), plan_pb2.PlanAction),
]


@pytest.mark.parametrize(("table", "words", "enum"), TABLES, ids=[str(i) for i in range(len(TABLES))])
def test_tables_are_whole(table: dict[Any, int], words: Any, enum: Any) -> None:
    """Every word has a number and every number but UNSPECIFIED a word."""
    assert set(table) == set(words)
    assert {0, *table.values()} == set(enum.values())


ALIKE = [
    (fleet_pb2.Segment, Segment, {"max_queue_delay_us", "drain_since", "gone"}),
    (fleet_pb2.Device, Device, set()),
    (type_pb2.Endpoint, Endpoint, set()),
    (type_pb2.Tenant, Tenant, set()),
    (workload_pb2.WorkloadSpec, WorkloadSpec, set()),
    (
        plan_pb2.PlannedSegment,
        PlannedSegment,
        {"segment_id", "memory_slices", "model_digest", "serve", "max_queue_delay_us"},
    ),
]

FLAT = {"replicas": "min_hosts"}  # messages of one field that lie flat in the value


@pytest.mark.parametrize(("message", "value", "internal"), ALIKE, ids=[m.__name__ for m, _, _ in ALIKE])
def test_no_field_is_forgotten(message: Any, value: Any, internal: set[str]) -> None:
    """Message and value have the same fields, those aside that stay inside."""
    assert {FLAT.get(f.name, f.name) for f in message.DESCRIPTOR.fields} == {f.name for f in fields(value)} - internal


SAID: dict[str, Any] = {
    "model": "m",
    "rate": 2.5,
    "slo_ms": 40.0,
    "model_digest": "sha256:1",
    "max_processes": 3,
    "profile": "p",
    "priority": 4,
    "min_hosts": 2,
    "memory_mb": 1500.0,
    "exclusive": True,
}


def test_a_spec_comes_back_as_it_was_sent() -> None:
    """Every field, set to something, through client and server and back."""
    assert SAID.keys() | {"serve"} == {field.name for field in fields(WorkloadSpec)}
    sent = client_types.Workload("a", client_types.WorkloadSpec(**SAID, serve="tail"))
    stored = wire.workload_in(client_wire.workload_message(sent))
    assert stored.spec == WorkloadSpec(**SAID, serve=Serve.TAIL)
    assert client_wire.workload(wire.workload_out(stored)).spec == sent.spec


def test_tenants_come_back_as_they_are_stored() -> None:
    """Of a segment and of a planned one, through the server to the client."""
    tenants = (Tenant("a", digest("a"), 4, 1, 2.5, 8.0), Tenant("b", digest("b"), 1, 64, 1.0, 9.0))
    shared = replace(segment(), workload="shared-1", model_digest="", tenants=tenants)
    planned = PlannedSegment("n", "g", 0, 0, "1g", 1, "shared-1", 1, 1, 3.5, 9.0, "create", tenants=tenants)
    plan = Plan(1, None, "optimal", 1, 1, 1, (planned,), (), "t")
    there = client_wire.segment(wire.segment_out(shared))
    (wanted,) = client_wire.plan(wire.plan_out(plan)).segments
    for found in (there, wanted):
        assert [astuple(one) for one in found.tenants] == [astuple(one) for one in tenants]
