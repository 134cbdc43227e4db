"""`make bench-live`: scenarios of the paper on real Triton processes, dilated, beside the simulator's prediction.

Prints the tables and writes them to docs/results/live.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.allocator.fleets import Measured, read, scenario
from bench.live import report, servers
from bench.live.dilation import dilations
from bench.live.plot import draw
from bench.live.run import Compared, Scenario, compare
from bench.plane import Plane
from bench.replay.arrivals import constant, poisson
from bench.replay.plans import Variant
from controller.allocator import Options, plan_optimal
from controller.allocator.suspect import drop_keys
from controller.allocator.types import QUEUEING, SLO_MODELS

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "parvagpu_a100"
TRAFFICS = {"constant": constant, "poisson": poisson}


def main() -> None:
    """Runs everything; about a quarter of an hour."""
    parser = argparse.ArgumentParser(prog="make bench-live", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="ParvaGPU's measured tables (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--scenarios", default="2,5", help="numbers (default: %(default)s)")
    parser.add_argument(
        "--load", type=float, default=220, help="requests/s of wall time, at most (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=180, help="of wall time, a traffic (default: %(default)s)")
    parser.add_argument("--slo-model", choices=SLO_MODELS, default=QUEUEING, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began = time.monotonic()
    measured = read(chosen.data)
    results: dict[tuple[Scenario, str], list[Compared]] = {}
    for number in map(int, chosen.scenarios.split(",")):
        results |= _scenario(measured, number, chosen)
    text = report.text(results, chosen.load, chosen.seconds, chosen.slo_model)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "live.md").write_text(text)
    draw(results, chosen.out / "live.png")
    print(f"{time.monotonic() - began:.0f} s in all", file=sys.stderr)


def _scenario(
    measured: Measured, number: int, chosen: argparse.Namespace
) -> dict[tuple[Scenario, str], list[Compared]]:
    tables = drop_keys(measured.tables, measured.suspects.keys())
    services = scenario(measured, number - 1)
    variant = Variant("optimal", plan_optimal, Options(slo_model=chosen.slo_model, burstiness=1.0))
    made = variant.planner(services, tables, variant.options)
    slower = dilations(made, services, tables, chosen.load)
    delays = {service.name: variant.delay_ms(service) for service in services}
    name = f"S{number}"
    what = Scenario(name, tuple(services), made, tables, slower, delays, chosen.seconds, chosen.seed)
    found = {}
    with tempfile.TemporaryDirectory(prefix="slp-live-") as folder:
        plane = Plane(Path(folder))
        try:
            count = servers.processes(made)
            with click.progressbar(length=count, label=f"{what.name}: starting Tritons", file=sys.stderr) as bar:
                by_service = {service.name: tables[service.model] for service in services}
                served = servers.start(plane, made, by_service, slower, delays, lambda: bar.update(1))
            for name, arrivals in TRAFFICS.items():
                print(f"{what.name}: {chosen.seconds:g} s of {name} arrivals", file=sys.stderr)
                found[what, name] = asyncio.run(compare(plane.folder, what, served, arrivals))
        finally:
            plane.down()
    return found


if __name__ == "__main__":
    main()
