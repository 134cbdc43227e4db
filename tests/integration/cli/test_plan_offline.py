"""`plan` from files alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from tests.integration.cli.conftest import Cli
from tests.shared_data import shared_data

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"
KEYS = ["algorithm", "gpus", "lower_bound", "proven_optimal", "elapsed_ms", "gpcs", "segments", "unservable"]
SEGMENT_KEYS = ["gpu", "start", "profile", "gpcs", "workload", "batch", "processes", "throughput", "latency_ms"]

OPTIMA_DROPPED = (2, 3, 5, 7, 12, 17)


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "Net_A.csv").write_text(f"{HEADER}\nNet_A,1,8,1,100,20\nNet_A,2,8,2,210,20\nNet_A,7,8,2,800,20\n")
    return folder


def test_json_has_the_published_shape(cli: Cli, profiles: Path) -> None:
    """The keys are those of the interface, in order; what cannot be served is listed and is no error."""
    text = "- {name: a, model: Net_A, slo_ms: 100, rate: 150}\n- {name: b, model: none, slo_ms: 1, rate: 1}\n"
    ran = cli("plan", "--profiles", profiles, "--workloads", "-", "-o", "json", stdin=text)
    assert ran.code == 0, ran
    made = json.loads(ran.out)
    assert list(made) == KEYS
    assert {tuple(segment) for segment in made["segments"]} == {tuple(SEGMENT_KEYS)}
    assert [(one["workload"], one["reason"]) for one in made["unservable"]] == [("b", "NO_PROFILE")]
    assert (
        yaml.safe_load(cli("plan", "--profiles", profiles, "--workloads", "-", "-o", "yaml", stdin=text).out).keys()
        == made.keys()
    )


def test_the_switches_reach_the_planner(cli: Cli, profiles: Path) -> None:
    """--single forbids two processes, a small --latency-share makes the objective unreachable."""
    text = "- {name: a, model: Net_A, slo_ms: 100, rate: 150}\n"
    base = ("plan", "--profiles", profiles, "--workloads", "-", "-o", "json")
    single = json.loads(cli(*base, "--single", stdin=text).out)
    assert {segment["processes"] for segment in single["segments"]} == {1}
    tight = json.loads(cli(*base, "--latency-share", "0.1", stdin=text).out)
    assert [one["reason"] for one in tight["unservable"]] == ["SLO_UNREACHABLE"]


def test_full_documents_are_planned_with_their_profile(cli: Cli, tmp_path: Path) -> None:
    """The documents of `apply -f` do too; spec.profile names the measurements."""
    (tmp_path / "p.csv").write_text(f"{HEADER}\nnet,1,8,1,100,20\n")
    text = """\
apiVersion: sliceplane.workload.v1
kind: Workload
metadata: {name: a}
spec: {model: other, profile: net, slo_ms: 100, rate: 150}
"""
    ran = cli("plan", "--profiles", tmp_path / "p.csv", "--workloads", "-", "-o", "json", stdin=text)
    assert [segment["workload"] for segment in json.loads(ran.out)["segments"]] == ["a", "a"]


def test_the_table_shows_cost_map_and_segments(cli: Cli, profiles: Path) -> None:
    """The table begins with the count of GPUs, then draws them."""
    text = "- {name: a, model: Net_A, slo_ms: 100, rate: 900}\n"
    lines = cli("plan", "--profiles", profiles, "--workloads", "-", stdin=text).out.splitlines()
    assert lines[0].startswith("optimal: ")
    assert any(line.startswith("gpu 0  ") and "[A" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: a, model: m, slo_ms: 100}", "-:1:3: rate: is missing"),
        ("- {name: a, model: m, slo_ms: 0, rate: 1}", "slo_ms: must be above 0 milliseconds, got 0"),
        ("- a\n- b", "must be a mapping of fields"),
        ("{", "not YAML"),
    ],
)
def test_bad_workload_files_are_exit_2(cli: Cli, profiles: Path, text: str, said: str) -> None:
    """A line with file, place, field and what is wrong; no plan."""
    ran = cli("plan", "--profiles", profiles, "--workloads", "-", stdin=text)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("row", "said"),
    [("Net_A,5,8,1,1,1", ":2: mig_size"), ("Net_A,1,8,1,-1,1", ":2: segment_items_per_s"), ("Net_A,1,8", ":2: ")],
)
def test_bad_profile_files_are_exit_2(cli: Cli, tmp_path: Path, row: str, said: str) -> None:
    """A bad row is named by file, line and column."""
    file = tmp_path / "p.csv"
    file.write_text(f"{HEADER}\n{row}\n")
    ran = cli("plan", "--profiles", file, "--workloads", "-", stdin="- {name: a, model: m, slo_ms: 1, rate: 1}")
    assert (ran.code, ran.out) == (2, "")
    assert f"{file}{said}" in ran.err


@pytest.mark.parametrize(("scenario", "gpus"), list(enumerate((2, 3, 5, 7, 13, 16))))
def test_the_published_scenarios(cli: Cli, tmp_path: Path, scenario: int, gpus: int) -> None:
    """S1 to S6 of the paper take the published numbers of GPUs."""
    folder = shared_data("data", "parvagpu_a100")
    models = sorted(file.stem for file in (folder / "profiles").glob("*.csv"))
    rates, slos = (
        list(csv.reader((folder / "slo" / name).read_text().splitlines()))
        for name in ("SLO_req_rate.csv", "SLO_latency.csv")
    )
    services = [
        {"name": model, "model": model, "rate": float(rate), "slo_ms": int(float(slo))}
        for model, rate, slo in zip(models, rates[scenario], slos[scenario], strict=True)
        if rate != "N/A"
    ]
    file = tmp_path / "w.yaml"
    file.write_text(yaml.safe_dump({"workloads": services}))
    base = ("plan", "--profiles", folder / "profiles", "--workloads", file, "-o", "json")
    assert json.loads(cli(*base, "--algorithm", "parvagpu", "--suspect-rows", "keep").out)["gpus"] == gpus
    listed = folder / "suspect_profile_rows.csv"
    for switch, fewest in (("keep", (2, 3, 5, 7, 12, 15)), ("drop", OPTIMA_DROPPED), (listed, OPTIMA_DROPPED)):
        made = json.loads(cli(*base, "--algorithm", "optimal", "--suspect-rows", switch).out)
        assert (made["gpus"], made["proven_optimal"]) == (fewest[scenario], True)


def test_the_optimal_algorithm_and_its_time_limit(cli: Cli, profiles: Path) -> None:
    """The algorithm is named in the plan; with no time at all a plan comes still, its bound no higher."""
    text = "- {name: a, model: Net_A, slo_ms: 100, rate: 1500}\n- {name: b, model: Net_A, slo_ms: 100, rate: 190}\n"
    base = ("plan", "--profiles", profiles, "--workloads", "-", "-o", "json", "--algorithm", "optimal")
    made = json.loads(cli(*base, stdin=text).out)
    assert (made["algorithm"], made["proven_optimal"]) == ("optimal", True)
    hurried = json.loads(cli(*base, "--time-limit", "0", stdin=text).out)
    assert hurried["lower_bound"] <= made["gpus"] <= hurried["gpus"]


def test_suspect_rows_are_named_and_dropped_unless_kept(cli: Cli, tmp_path: Path) -> None:
    """An exact copy of one process fewer is left out and said on stderr; kept, it is planned with and said too."""
    (tmp_path / "p.csv").write_text(f"{HEADER}\nnet,1,8,1,100,20\nnet,1,8,2,200,20\n")
    (tmp_path / "s.csv").write_text("model,mig_size,batch,processes\nnet,1,8,1\n")
    text = "- {name: a, model: net, slo_ms: 100, rate: 150}\n"
    base = ("plan", "--profiles", tmp_path / "p.csv", "--workloads", "-", "-o", "json")
    for switch, segments, said in (
        (("--suspect-rows", "keep"), 1, "1 suspect profile row kept"),
        ((), 2, "net 1g, batch 8, processes 2: throughput per process (100.000) and latency (20 ms) equal"),
        (("--suspect-rows", tmp_path / "s.csv"), 1, "dropped 1 profile rows of the 1"),
    ):
        ran = cli(*base, *switch, stdin=text)
        assert len(json.loads(ran.out)["segments"]) == segments
        assert said in ran.err


def test_a_suspect_file_that_cannot_be_used_is_bad_input(cli: Cli, profiles: Path, tmp_path: Path) -> None:
    """Absent, or with a cell that is no number: exit 2, and the place."""
    (tmp_path / "s.csv").write_text("model,mig_size,batch,processes\nnet,1,8,two\n")
    text = "- {name: a, model: Net_A, slo_ms: 100, rate: 150}\n"
    for file, said in (("absent.csv", "there is no file absent.csv"), (tmp_path / "s.csv", "s.csv:2: processes: must")):
        ran = cli("plan", "--profiles", profiles, "--workloads", "-", "--suspect-rows", file, stdin=text)
        assert ran.code == 2
        assert said in ran.err
