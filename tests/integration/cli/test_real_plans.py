"""What only the real controller's planner can say: objectives out of reach, too few GPUs."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.integration.cli.conftest import Cli

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"


def workload(cli: Cli, controller: str, onnx_file: Path, slo_ms: float) -> str:
    """A workload on a model and a profile (5 ms at best) of their own, as a document."""
    name = f"q{uuid.uuid4().hex[:8]}"
    profile = onnx_file.with_name("p.csv")
    profile.write_text(f"{HEADER}\n{name},1,1,1,100,5\n{name},7,8,1,900,9\n")
    assert cli("profiles", "import", profile, "--server", controller).code == 0
    assert cli("model", "push", name, onnx_file, "--server", controller).code == 0
    return f"{{name: {name}, model: {name}, slo_ms: {slo_ms}, rate: 10}}"


def test_an_slo_that_no_profile_meets_is_told_with_the_figure(cli: Cli, controller: str, onnx_file: Path) -> None:
    """apply says which SLO would do; wait says so again and ends with 1."""
    text = workload(cli, controller, onnx_file, slo_ms=2)
    ran = cli("apply", "-f", "-", "--server", controller, stdin=text)
    assert ran.code == 0
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("warning: -:1: workload ")
    assert "SLO_UNREACHABLE" in ran.err
    assert "11.1 would do" in ran.err
    name = ran.out.split()[0].removeprefix("workload/")
    waited = cli("wait", name, "--for=ready", "--timeout", "1s", "--server", controller)
    assert waited.code == 1
    assert f"error: not ready after 1 s: {name}: " in waited.err


def test_too_few_gpus_are_told_before_anything_is_stored(cli: Cli, controller: str, onnx_file: Path) -> None:
    """A dry run on a fleet without GPUs says how many are short, and stores nothing."""
    text = workload(cli, controller, onnx_file, slo_ms=100)
    ran = cli("apply", "-f", "-", "--dry-run", "--server", controller, stdin=text)
    assert ran.code == 0
    assert "needs 1 A100" in ran.err
    planned = cli("plan", "-f", "-", "--server", controller, stdin=text)
    assert planned.code == 0
    assert "UNSERVED" in planned.out
    assert cli("get", "wl", ran.out.split()[0].removeprefix("workload/"), "--server", controller).code == 1


def test_a_model_in_use_stays(cli: Cli, controller: str, onnx_file: Path) -> None:
    """Deleting the model of a workload is refused with the workload's name, and nothing is deleted."""
    cli("apply", "-f", "-", "--server", controller, stdin=(text := workload(cli, controller, onnx_file, slo_ms=100)))
    name = text.split()[1].rstrip(",")
    ran = cli("delete", "model", name, "--server", controller)
    assert (ran.code, ran.out) == (1, "")
    assert name in ran.err
    assert cli("get", "model", name, "--server", controller).code == 0


def test_a_file_that_is_no_model_is_refused(cli: Cli, controller: str, tmp_path: Path) -> None:
    """Pushing text ends with one line that names the file, and no model appears."""
    junk = tmp_path / "junk.onnx"
    junk.write_text("this is no model\n" * 1000)
    ran = cli("model", "push", "junk", junk, "--server", controller)
    assert ran.code == 1
    assert ran.err.startswith(f"error: {junk}: ")
    assert cli("get", "model", "junk", "--server", controller).code == 1


def test_describe_shows_events(cli: Cli, controller: str, onnx_file: Path) -> None:
    """describe of a workload ends with the event of its apply."""
    text = workload(cli, controller, onnx_file, slo_ms=100)
    cli("apply", "-f", "-", "--server", controller, stdin=text)
    name = text.split()[1].rstrip(",")
    ran = cli("describe", "workload", name, "--server", controller)
    assert ran.code == 0
    assert "Applied" in ran.out.split("Events")[1]
