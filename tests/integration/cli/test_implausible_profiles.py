"""What is implausible in profile files: said by plan and import, listed by `profiles check`, never a reason to stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"
WORKLOADS = "- {name: a, model: net, slo_ms: 100, rate: 10}\n"
UNITS = "net 1g, batch 8, processes 1: batches of 8 that take 0.02 ms make 400000 items/s for a process"
SIZE = "net 2g, batch 8, processes 1: throughput falls from 400 to 300 items/s where size grows from 1 to 2"


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    file = tmp_path / "p.csv"
    file.write_text(f"{HEADER}\nnet,1,8,1,400,0.02\nnet,2,8,1,300,20\n")
    return file


def test_check_lists_all_and_needs_no_server(cli: Cli, doubtful: Path) -> None:
    """A line each on stdout by file and line; suspect rows too; no findings are no lines."""
    ran = cli("profiles", "check", doubtful)
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert first.startswith(f"{doubtful}:2: {UNITS}")
    assert second == f"{doubtful}:3: {SIZE}"
    assert ran.err == "findings: 2; points read: 2; models: net\n"
    doubtful.write_text(f"{HEADER}\nnet,1,8,1,400,20\nnet,1,8,2,800,20\n")
    assert "p.csv:3: net 1g, batch 8, processes 2: suspect: throughput" in cli("profiles", "check", doubtful).out
    doubtful.write_text(f"{HEADER}\nnet,1,8,1,400,20\n")
    assert cli("profiles", "check", doubtful).out == ""


def test_check_refuses_what_cannot_be_read(cli: Cli, doubtful: Path) -> None:
    """As the planner does."""
    doubtful.write_text(f"{HEADER}\nnet,5,8,1,400,20\n")
    ran = cli("profiles", "check", doubtful)
    assert (ran.code, ran.out) == (2, "")
    assert "p.csv:2: mig_size: no GPU has a size of 5 GPCs" in ran.err


@pytest.mark.parametrize(
    "fleet", ["", "- {product: A100-80GB, count: 4, cost_per_hour: 3}\n- {product: A30, count: 2}\n"]
)
def test_plan_warns_and_plans(cli: Cli, doubtful: Path, tmp_path: Path, fleet: str) -> None:
    """On stderr, so that stdout stays the plan."""
    switches: tuple[object, ...] = ("-o", "json")
    if fleet:
        (tmp_path / "gpus.yaml").write_text(fleet)
        switches += ("--gpus", tmp_path / "gpus.yaml")
    ran = cli("plan", "--profiles", doubtful, "--workloads", "-", *switches, stdin=WORKLOADS)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["gpus"] == 1
    assert "2 profile rows look implausible and are used as measured:\n" in ran.err
    assert f"  {doubtful}:2: {UNITS}" in ran.err


def test_many_findings_are_summed_up(cli: Cli, tmp_path: Path) -> None:
    """Three are shown, and where the others are."""
    rows = "".join(f"net,1,{batch},1,400,0.0{batch}\n" for batch in range(2, 9))
    (tmp_path / "p.csv").write_text(f"{HEADER}\n{rows}")
    ran = cli("plan", "--profiles", tmp_path / "p.csv", "--workloads", "-", stdin=WORKLOADS)
    first, *lines = [line for line in ran.err.splitlines() if "p.csv:" in line or "implausible" in line]
    assert first == "7 profile rows look implausible and are used as measured (`sliceplane profiles check` lists all):"
    assert len(lines) == 3
    assert len(cli("profiles", "check", tmp_path / "p.csv").out.splitlines()) == 7


def test_import_warns_and_imports(cli: Cli, fake: str, doubtful: Path) -> None:
    """As planned with."""
    ran = cli("--server", fake, "profiles", "import", doubtful)
    assert ran.code == 0, ran.err
    assert "profile/net imported (2 points)" in ran.out
    assert f"  {doubtful}:3: {SIZE}" in ran.err
