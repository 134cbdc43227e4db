"""A workload's life through the command: planned, ready, drawn, changed, removed; real controller, made-up host."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.api_agent import connected
from tests.integration.cli.conftest import Cli

HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"


@pytest.fixture
def node(controller: str, cli: Cli) -> Iterator[str]:
    """A host of two GPUs with a name of its own, forgotten afterwards."""
    name = f"n{uuid.uuid4().hex[:8]}"
    with connected(controller, name, gpus=2):
        until(lambda: cli("get", "node", name, "--server", controller).code == 0)
        yield name
    until(lambda: cli("delete", "node", name, "--server", controller).code == 0)


@pytest.fixture
def model(cli: Cli, controller: str, onnx_file: Path) -> Iterator[str]:
    """A model with a profile (100 items/s on 1g, 600 on 7g); what still uses it at the end is deleted."""
    name = f"m{uuid.uuid4().hex[:8]}"
    profile = onnx_file.with_name("p.csv")
    profile.write_text(f"{HEADER}\n{name},1,1,1,100,5\n{name},7,8,1,600,9\n")
    cli("profiles", "import", profile, "--server", controller)
    cli("model", "push", name, onnx_file, "--server", controller)
    yield name
    cli("delete", "workload", name, "--ignore-not-found", "--server", controller)


def until(holds: object, within_s: float = 20) -> None:
    assert callable(holds)
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def document(name: str, rate: float) -> str:
    return f"{{name: {name}, model: {name}, slo_ms: 100, rate: {rate}}}"


def test_from_apply_to_ready_to_gone(cli: Cli, controller: str, node: str, model: str) -> None:
    """apply, wait, get, map, describe and delete agree on one workload of two segments."""
    at = ("--server", controller)
    applied = cli("apply", "-f", "-", *at, stdin=document(model, 150))
    assert (applied.code, applied.err) == (0, "")
    waited = cli("wait", model, "--for=ready", "--timeout", "30s", *at)
    assert (waited.code, waited.out) == (0, f"workload/{model} ready\n"), waited
    segments = json.loads(cli("get", "segments", "-o", "json", *at).out)
    mine = [one for one in segments if one["workload"] == model]
    assert [(one["node"], one["gpcs"], one["state"]) for one in mine] == [(node, 1, "ready")] * 2
    lines = cli("map", "--node", node, *at).out.splitlines()
    assert sum(line.count("[A 1g") for line in lines) == 2
    assert f" A  {model}  2 segments, 2 GPCs, 200.0 items/s" in lines
    described = cli("describe", "workload", model, *at).out
    assert all(one["id"] in described for one in mine)
    assert cli("delete", "workload", model, *at).code == 0
    until(lambda: model not in cli("get", "segments", *at).out)


def test_a_plan_tells_what_a_rate_would_change(cli: Cli, controller: str, node: str, model: str) -> None:
    """plan -f with a higher rate keeps what runs, creates the rest, and changes nothing."""
    at = ("--server", controller)
    cli("apply", "-f", "-", *at, stdin=document(model, 150))
    cli("wait", model, "--timeout", "30s", *at)
    planned = json.loads(cli("plan", "-f", "-", "-o", "json", *at, stdin=document(model, 350)).out)
    mine = sorted(one["action"] for one in planned["segments"] if one["workload"] == model)
    assert mine == ["create", "create", "keep", "keep"]
    now = json.loads(cli("get", "workload", model, "-o", "json", *at).out)
    assert (now["spec"]["rate"], now["status"]["ready_segments"]) == (150, 2)


def test_too_few_gpus_say_how_many_are_missing(cli: Cli, controller: str, node: str, model: str) -> None:
    """A rate beyond the fleet is a warning with a figure on apply, and the reason on wait."""
    at = ("--server", controller)
    applied = cli("apply", "-f", "-", *at, stdin=document(model, 10_000))
    assert applied.code == 0
    assert applied.err.startswith(f"warning: -:1: workload {model}: INSUFFICIENT_GPUS: needs ")
    waited = cli("wait", model, "--timeout", "6s", *at)
    assert (waited.code, "INSUFFICIENT_GPUS" in waited.err) == (1, True)


def test_a_connected_node_is_not_forgotten(cli: Cli, controller: str, node: str) -> None:
    """delete node of a host that is connected is refused in one line."""
    ran = cli("delete", "node", node, "--server", controller)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
    assert "connected" in ran.err
