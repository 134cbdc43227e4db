"""Documents and rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from controller.model import Condition, Endpoint, Plan, PlannedSegment, Segment, Serve, Shortfall, State, Workload
from controller.store.rows import document, parse, to_row, workload_from_row, workload_to_row
from controller.tenants import Tenant
from tests.plane_values import digest, gpu, node, segment, workload

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_every_nested_value_survives_json() -> None:
    """A value goes to JSON text and comes back equal, with enums, times, tuples and nothings."""
    condition = Condition("Ready", None, "X", "why", NOW)
    full = replace(
        segment(),
        state=State.DRAINING,
        serve=Serve.TAIL,
        endpoints=(Endpoint("h", 1, 2, 3, True),),
        drain_since=NOW,
        tenants=(Tenant("a", digest(), 4, 64, 1.5, 8.0),),
    )
    planned = PlannedSegment("n", "g", 0, 1, "1g", 1, "w", 1, 1, 1.0, 2.0, "keep", "s", 1, "d", Serve.TAIL, 5)
    plan = Plan(3, NOW, "parvagpu", 1, 1, 1, (planned,), (Shortfall("w", "R", "d"),), "t")
    for value in (full, plan, gpu(), replace(node(), conditions=(condition,), last_seen=NOW)):
        assert parse(type(value), json.loads(json.dumps(document(value)))) == value


def test_older_and_newer_documents_read() -> None:
    """Missing fields take their defaults, unknown ones are ignored: replicas of two releases can work together."""
    old = document(segment())
    del old["gone"], old["restarts"], old["tenants"]
    assert parse(Segment, {**old, "colour": "blue"}) == segment()


def test_nul_characters_are_left_out() -> None:
    """Text that Postgres could not store loses what it cannot hold, wherever it stands."""
    ends = (Endpoint("h\0ost", 1),)
    stored = to_row(replace(segment(), message="a\0b", endpoints=ends))
    assert (stored["message"], stored["endpoints"][0]["host"]) == ("ab", "host")


def test_the_served_digest_is_the_column() -> None:
    """A workload's row says which version it serves in a column of its own, whatever its status says."""
    stored = Workload("cat", workload().spec, {"a": "b"}, uid="u", etag="e", generation=2, created=NOW, updated=NOW)
    row = workload_to_row(stored, digest("b"))
    back = workload_from_row(row)
    assert back.status.model_digest == digest("b")
    assert replace(back, status=stored.status) == stored
