"""Stages one to five: start the plane, push models and measured profiles, apply, see the plan, serve under load."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from bench.demo import labels, ocr, prepare
from bench.demo.measure import write
from bench.demo.world import GPUS_PER_HOST, HOSTS, World, loaded

RATES = {"orientation": 40.0, "detection": 12.0, "recognition": 25.0}
SLO_MS = {"orientation": 200.0, "detection": 500.0, "recognition": 400.0}
LOAD_S = 10.0


def start(world: World) -> None:
    """Controller on its embedded Postgres, two simulated hosts with an agent each."""
    with world.show.stage("Start: a controller with its embedded Postgres, two simulated A100 hosts, an agent on each"):
        world.plane.start_controller(addresses=dict.fromkeys(("127.0.0.1", world.link.host)))
        for name in HOSTS:
            world.plane.start_agent(name, f"--address={world.link.host}", "--teardown-on-exit", gpus=GPUS_PER_HOST)
        with world.client() as client:
            want = len(HOSTS) * GPUS_PER_HOST
            world.show.until("hosts register", lambda: "all" if len(client.gpus()) == want else None, 30)
        world.cli("get", "nodes")
        world.cli("get", "gpus")


def models(world: World) -> None:
    """Real OCR models into the store; profiles measured on this machine."""
    with world.show.stage("Models and profiles: PP-OCR's three networks, measured on this machine's CPU"):
        world.models = prepare.models(world.plane.folder / "models")
        profiles = world.plane.folder / "profiles"
        profiles.mkdir(exist_ok=True)
        fleet_gpcs = 7 * GPUS_PER_HOST * len(HOSTS)
        image = labels.render(0).image
        for name, path in world.models.items():
            world.cli("model", "push", name, str(path), shown=False)
            write(profiles / f"{name}.csv", path, ocr.INPUTS[name](image), fleet_gpcs)
        world.cli("get", "models")
        world.cli("profiles", "import", str(profiles))


def apply(world: World) -> None:
    """Three workloads, their plan, ready."""
    with world.show.stage("Apply three workloads, see the plan and the GPUs, wait until ready"):
        path = world.plane.folder / "workloads.yaml"
        path.write_text(yaml.safe_dump_all([document(n, n, RATES[n], SLO_MS[n]) for n in RATES], sort_keys=False))
        world.cli("plan", "-f", str(path))
        world.cli("apply", "-f", str(path))
        world.cli("wait", *RATES, "--for=ready", "--timeout=90s")
        world.cli("get", "segments")
        world.cli("map")


def document(name: str, model: str, rate: float, slo_ms: float, serve: str = "whole") -> dict[str, Any]:
    """A workload as `sliceplane apply` reads it."""
    spec = {"model": model, "rate": rate, "slo_ms": slo_ms, "serve": serve}
    return {"apiVersion": "sliceplane.workload.v1", "kind": "Workload", "metadata": {"name": name}, "spec": spec}


def load(world: World) -> None:
    """Load through an unmodified tritonclient at xds:///NAME."""
    show = world.show
    with show.stage(f"Load: an unmodified tritonclient at xds:///NAME, Poisson arrivals, {LOAD_S:.0f} s"):
        process = world.load(RATES, LOAD_S)
        with show.console.status("   load is running ..."):
            found = loaded(process, LOAD_S + 60)
        table(world, found)
        failed = sum(outcome["failed"] for outcome in found.values())
        answered = sum(len(outcome["latencies_ms"]) for outcome in found.values())
        agreed = sum(outcome["agreed"] for outcome in found.values())
        show.promise("no request fails before the faults", failed == 0 and answered > 0, f"{failed} failed")
        show.promise(
            "whole models agree with onnxruntime run directly",
            agreed == answered > 0,
            f"{100 * agreed / max(1, answered):.1f} % of {answered}",
        )


def table(world: World, found: dict[str, dict[str, Any]]) -> None:
    """Prints what a load generator found, a workload a line."""
    rows = []
    for name, outcome in found.items():
        times = np.array(outcome["latencies_ms"] or [np.nan])
        within = int((times <= SLO_MS[name]).sum())
        p50, p95, p99 = np.percentile(times, (50, 95, 99))
        rows.append(
            (
                name,
                str(outcome["sent"]),
                str(outcome["failed"]),
                f"{outcome['sent'] / outcome['seconds']:.1f}/s",
                f"{p50:.1f}",
                f"{p95:.1f}",
                f"{p99:.1f}",
                f"{SLO_MS[name]:.0f}",
                f"{100 * within / max(1, outcome['sent']):.1f} %",
                f"{100 * outcome['agreed'] / max(1, len(outcome['latencies_ms'])):.1f} %",
            )
        )
    columns = ("workload", "sent", "failed", "rate", "p50 ms", "p95 ms", "p99 ms", "SLO ms", "within SLO", "agreement")
    world.show.table("", columns, rows)
