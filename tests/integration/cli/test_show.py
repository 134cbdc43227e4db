"""What `get`, `describe`, `map`, `events` and `plan` print, on a fleet that the fake holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from common.errors import Unavailable
from protos.sliceplane.fleet.v1 import fleet_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from tests.fakes.api_state import ApiState
from tests.integration.cli.conftest import Cli

KINDS = ("workloads", "models", "profiles", "nodes", "gpus", "segments", "devices", "plans", "events")


@pytest.fixture
def fleet(api: ApiState, fake: str) -> str:
    """Two GPUs of one host, three segments, a device, a plan."""
    api.nodes["sim-a"] = fleet_pb2.Node(name="sim-a", connected=True, gpu_count=2)
    for index in range(2):
        api.gpus.append(
            fleet_pb2.Gpu(
                uuid=f"GPU-{index}",
                node="sim-a",
                index=index,
                product="NVIDIA A100-SXM4-80GB",
                memory_bytes=85899345920,
                mig_enabled=True,
                schedulable=index == 0,
                unschedulable_reason="" if index == 0 else "cordoned for repair",
            )
        )
    segment = fleet_pb2.Segment(
        workload="ocr", node="sim-a", gpu_uuid="GPU-0", batch=8, processes=3, throughput=420.5, latency_ms=12
    )
    for id_, start, gpcs, slices, state in (
        ("aa-1", 0, 2, 2, type_pb2.SEGMENT_STATE_READY),
        ("ab-2", 2, 1, 1, type_pb2.SEGMENT_STATE_CREATING),
        ("b-3", 4, 3, 4, type_pb2.SEGMENT_STATE_FAILED),
    ):
        one = fleet_pb2.Segment(id=id_, start=start, gpcs=gpcs, memory_slices=slices, state=state)
        one.MergeFrom(segment)
        api.segments[id_] = one
    api.devices["gw-7"] = fleet_pb2.Device(
        name="gw-7", workload="ocr", connected=True, frames_split=3, frames_skipped=2,
        refused_bundle_digest="sha256:0123456789abcdef", refusal="head and tail differ",
    )  # fmt: skip
    api.put(
        workload_pb2.Workload(
            name="ocr",
            spec=workload_pb2.WorkloadSpec(model="m", rate=40, slo_ms=100),
            generation=1,
            status=workload_pb2.WorkloadStatus(
                observed_generation=1,
                planned_segments=3,
                ready_segments=1,
                conditions=[
                    type_pb2.Condition(type="Planned", status=type_pb2.CONDITION_STATUS_TRUE),
                    type_pb2.Condition(type="Ready", status=type_pb2.CONDITION_STATUS_FALSE, reason="STARTING"),
                ],
            ),
        )
    )
    planned = plan_pb2.PlannedSegment(
        node="sim-a", gpu_uuid="GPU-0", profile="2g.20gb", gpcs=2, workload="ocr", action=plan_pb2.PLAN_ACTION_KEEP
    )
    new = plan_pb2.PlannedSegment(
        node="sim-a", gpu_uuid="GPU-1", gpu_index=1, profile="1g.10gb", gpcs=1, workload="new"
    )
    new.action = plan_pb2.PLAN_ACTION_CREATE
    api.preview = plan_pb2.Plan(
        algorithm="parvagpu",
        gpus=2,
        lower_bound=1,
        gpcs=3,
        segments=[planned, new],
        shortfalls=[plan_pb2.Shortfall(workload="big", reason="INSUFFICIENT_GPUS", detail="needs 2 more A100")],
    )
    api.plans = [plan_pb2.Plan(id=number, algorithm="parvagpu", trigger="ocr applied") for number in (3, 2, 1)]
    api.say("ocr", "Applied", "created")
    return fake


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "name"])
def test_every_kind_prints_in_every_format(cli: Cli, fleet: str, kind: str, output: str) -> None:
    """Each format of each kind holds as many entries as the server has, and no escape codes."""
    ran = cli("get", kind, "-o", output, "--server", fleet)
    assert ran.code == 0, ran
    assert "\x1b" not in ran.out
    names = cli("get", kind, "-o", "name", "--server", fleet).out.split()
    assert len(names) == {"gpus": 2, "segments": 3, "plans": 3}.get(kind, 0 if kind in ("models", "profiles") else 1)
    if output == "json":
        assert len(json.loads(ran.out)) == len(names)
    elif output == "yaml":
        assert len([one for one in yaml.safe_load_all(ran.out) if one]) == len(names)
    elif names:
        assert len(ran.out.splitlines()) == len(names) + (output != "name")


def test_columns_stand_under_each_other(cli: Cli, fleet: str) -> None:
    """In a pipe each header begins or ends where its cells do, and no line is cut."""
    header, *rows = cli("get", "segments", "-o", "wide", "--server", fleet).out.splitlines()
    at = header.index("STATE")
    assert [row[at:].split()[0] for row in rows] == ["ready", "creating", "failed"]
    assert all(row.endswith("-") for row in rows)
    assert max(map(len, rows)) > 120


@pytest.mark.parametrize("word", ["segment", "segments", "SEG", "seg"])
def test_kinds_have_several_names(cli: Cli, fleet: str, word: str) -> None:
    """Singular, plural and short forms name one kind, in any case."""
    assert cli("get", word, "-o", "name", "--server", fleet).out.split()[0] == "segment/aa-1"


def test_segments_are_found_by_the_beginning_of_their_id(cli: Cli, fleet: str) -> None:
    """A beginning that one segment has is enough; one that two have is refused."""
    assert json.loads(cli("get", "seg", "b", "-o", "json", "--server", fleet).out)["id"] == "b-3"
    ran = cli("get", "seg", "a", "--server", fleet)
    assert (ran.code, ran.out) == (1, "")
    assert "give more of it" in ran.err


def test_gpus_are_found_by_place_and_by_uuid(cli: Cli, fleet: str) -> None:
    """ "host/index" and the UUID name the same GPU."""
    found = [json.loads(cli("get", "gpu", name, "-o", "json", "--server", fleet).out) for name in ("sim-a/1", "GPU-1")]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (("workload", "ocr"), ("STARTING", "aa-1", "Applied")),
        (("node/sim-a",), ("[A 2g 8×3", "cordoned for repair", "ab-2")),
        (("gpu", "sim-a/0"), ("NVIDIA A100-SXM4-80GB", "[A! 3g 8×3", "b-3")),
        (("segment", "b-3"), ("failed", "420.5 items/s")),
        (("device", "gw-7"), ("3 split, 0 local", "2 skipped", "sha256:0123456789abcdef: head and tail differ")),
        (("plan", "2"), ("ocr applied", "keep 0, create 0")),
    ],
)
def test_describe_tells_all(cli: Cli, fleet: str, target: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """describe of each kind shows what belongs to it."""
    ran = cli("describe", *target, "--server", fleet)
    assert ran.code == 0, ran
    assert [part for part in parts if part not in ran.out] == []


def test_devices_that_refuse_a_bundle_are_seen_at_once(cli: Cli, fleet: str) -> None:
    """The table names the bundle."""
    assert "0123456789ab" in cli("get", "devices", "--server", fleet).out


def test_the_map_marks_what_is_not_ready(cli: Cli, fleet: str) -> None:
    """The map shows ready, new and failed segments, free slices, and why a GPU is closed."""
    first, second = [line for line in cli("map", "--server", fleet).out.splitlines() if line.startswith("sim-a/")][:2]
    assert ["[A 2g 8×3" in first, "[A+ 1g" in first, "[A! 3g 8×3" in first] == [True] * 3
    assert "6/7" in first
    assert second.count("·") == 8


def test_a_live_plan_shows_what_changes(cli: Cli, fleet: str, tmp_path: Path) -> None:
    """plan -f shows kept and new segments, the map after it, and what is not served."""
    file = tmp_path / "w.yaml"
    file.write_text("- {name: new, model: m, slo_ms: 5, rate: 1}")
    out = cli("plan", "-f", file, "--server", fleet).out
    assert "keep 1, create 1, remove 0" in out
    assert "[A+ 1g" in out
    assert "INSUFFICIENT_GPUS  needs 2 more A100" in out
    as_json = json.loads(cli("plan", "-f", file, "-o", "json", "--server", fleet).out)
    assert [segment["action"] for segment in as_json["segments"]] == ["keep", "create"]


def test_events_of_one_resource(cli: Cli, api: ApiState, fleet: str) -> None:
    """--for shows the events of that resource only, as a table and as JSON."""
    api.say("other", "Applied")
    out = cli("events", "--for", "workload/ocr", "--server", fleet).out
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["workload/ocr"]
    assert [one["subject"] for one in json.loads(cli("events", "-o", "json", "--server", fleet).out)] == [
        "ocr",
        "other",
    ]


def test_a_server_that_is_away_is_one_line(cli: Cli, api: ApiState, fleet: str) -> None:
    """UNAVAILABLE until patience ends is exit 1 and one line."""
    api.faults["ListWorkloads"] = [Unavailable("the store is starting") for _ in range(50)]
    ran = cli("get", "workloads", "--server", fleet)
    assert (ran.code, ran.out, ran.err) == (1, "", "error: the store is starting\n")


def test_forgetting_a_node(cli: Cli, api: ApiState, fleet: str) -> None:
    """delete node asks the server to forget it; a second time there is none."""
    assert cli("delete", "node", "sim-a", "--server", fleet).out == "node/sim-a deleted\n"
    assert cli("delete", "node", "sim-a", "--server", fleet).code == 1
    assert cli("delete", "gpu", "sim-a/0", "--server", fleet).code == 2
    assert api.nodes == {}


def test_shared_segments_are_shown_by_their_workloads(api: ApiState, fleet: str, cli: Cli) -> None:
    """Lists, maps and plans name the tenants; the segment's page has a line for each; JSON has them all."""
    tenants = [type_pb2.Tenant(workload=name, batch=2, priority=64, throughput=1.5) for name in ("cat", "dog")]
    api.segments["aa-1"].MergeFrom(fleet_pb2.Segment(workload="shared-1", tenants=tenants))
    api.preview.segments[0].MergeFrom(plan_pb2.PlannedSegment(workload="shared-1", tenants=tenants))
    at = ("--server", fleet)
    listed = cli(*at, "get", "segments").out
    assert "cat, dog" in listed
    assert "shared-1" not in listed
    page = cli(*at, "describe", "segment", "aa-1").out
    assert "cat, dog" in page
    assert "shared as shared-1" in page
    assert [line.split()[:4] for line in page.splitlines() if "64" in line] == [
        [name, "2", "64", "1.5"] for name in ("cat", "dog")
    ]
    assert "cat, dog" in cli(*at, "plan").out
    found = json.loads(cli(*at, "plan", "-o", "json").out)["segments"][0]
    assert (found["workload"], [one["workload"] for one in found["tenants"]]) == ("shared-1", ["cat", "dog"])
