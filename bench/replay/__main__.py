"""`make bench-replay`: simulated minutes of arrivals against the plans of both algorithms and both rules.

Prints the tables and writes them to docs/results/replay.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import click

from bench.allocator.fleets import Measured, read, scenario
from bench.replay import report
from bench.replay.arrivals import Arrivals, Bursty, constant, poisson
from bench.replay.plans import variants
from bench.replay.plot import draw
from bench.replay.run import replay
from controller.allocator.suspect import drop_keys

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "parvagpu_a100"


def main() -> None:
    """Runs everything; a few minutes."""
    parser = argparse.ArgumentParser(prog="make bench-replay", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="ParvaGPU's measured tables (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=10, help="simulated, of each scenario (default: %(default)s)")
    parser.add_argument("--burstiness", type=float, default=1.25, help="peak over mean rate (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began = time.monotonic()
    traffics: dict[str, Arrivals] = {"constant": constant, "poisson": poisson, "bursty": Bursty(chosen.burstiness)}
    results = _results(read(chosen.data), traffics, chosen)
    text = _text(results, chosen)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "replay.md").write_text(text)
    draw(results, chosen.out / "replay.png")
    print(f"{time.monotonic() - began:.0f} s in all", file=sys.stderr)


def _results(measured: Measured, traffics: dict[str, Arrivals], chosen: argparse.Namespace) -> report.Results:
    tables = drop_keys(measured.tables, measured.suspects.keys())
    ways = variants(chosen.burstiness)
    count = sum(len(one) for one in measured.scenarios) * len(ways) * len(traffics)
    results: dict[str, dict[str, report.Replayed]] = {}
    with click.progressbar(length=count, label="replaying", file=sys.stderr) as bar:
        for index in range(len(measured.scenarios)):
            services = scenario(measured, index)
            for way in ways:
                made = way.planner(services, tables, way.options)
                outcomes = {
                    name: replay(
                        made,
                        services,
                        tables,
                        arrivals,
                        chosen.minutes * 60,
                        seed=chosen.seed,
                        delay_ms=way.delay_ms,
                        tick=lambda: bar.update(1),
                    )
                    for name, arrivals in traffics.items()
                }
                results.setdefault(f"S{index + 1}", {})[way.name] = report.Replayed(made, services, outcomes)
    return results


def _text(results: report.Results, chosen: argparse.Namespace) -> str:
    last = list(results)[-1]
    tables = "\n".join(
        f"## {traffic.capitalize()} arrivals\n\n{report.traffic_table(results, traffic)}" for traffic in report.TARGETS
    )
    return f"""# Replay: plans against arrivals

Written by `make bench-replay`: a discrete-event replay of {chosen.minutes:g} simulated minutes of each scenario, seed
{chosen.seed}, on ParvaGPU's measured tables with the suspect rows of the reference list dropped. A request picks a
segment at random by planned throughput, a segment's processes take turns, each has a queue and Triton's dynamic
batcher; a batch of k takes what was measured, linear between measured batches. Bursty: rates {chosen.burstiness:g} and
{2 - chosen.burstiness:g} times the mean in turn, each for 5 s on average. "half" is the paper's rule (a batch takes
less than 0.45 of the SLO) with the queue delay that the controller sets then; "queueing" is `--slo-model queueing` at
its default of 99.99 %, planned for the bursts unless it says burstiness 1, with no queue delay.

![Late requests of each plan](replay.png)

{report.verdict(results)}
## What the plans cost

Slack: planned throughput beyond the rates; of a queueing plan, what it admits beyond them. Fragmentation: compute
slices of used GPUs that no segment holds.

{report.cost_table(results)}
{tables}
## {last}, service by service

`{report.QUEUEING}` under Poisson arrivals, latencies in ms.

{report.services_table(results[last][report.QUEUEING], "poisson")}"""


if __name__ == "__main__":
    main()
