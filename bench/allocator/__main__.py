"""`make bench-allocator`: the optimal planner against ParvaGPU's pipeline, on one core.

Prints the tables and writes them to docs/results/allocator.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.allocator import report
from bench.allocator.changes import HOST, PRICE, SPARE, changes, changes_table
from bench.allocator.fleets import Measured, drawn, read, scenario
from bench.allocator.plot import draw
from bench.allocator.runs import Run, run
from controller.allocator import Options
from controller.allocator.suspect import drop_keys

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "parvagpu_a100"

# Rates in req/s: about those of the scenarios; a light tail; heavy ones, of many segments each.
RATES = {"20–8,000": (20.0, 8000.0), "1–500": (1.0, 500.0), "5,000–100,000": (5000.0, 100_000.0)}
SEEDS = {100: 10, 1000: 5, 10_000: 3, 100_000: 1}
LARGEST_HEAVY = 10_000  # services; heavy fleets of more are left out
REPEATS, LARGEST_REPEATED = 7, 10_000  # the best time of so many, up to so many services


def main() -> None:
    """Runs everything; a few minutes."""
    parser = argparse.ArgumentParser(prog="make bench-allocator", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="ParvaGPU's measured tables (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--most-services", type=int, default=max(SEEDS), help="leave larger drawn fleets out")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    measured = read(chosen.data)
    run(scenario(measured, 0), measured.tables, Options())  # loads the solver before anything is timed
    fleets = _fleets(measured, chosen.most_services)
    text = _text(measured, fleets)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "allocator.md").write_text(text)
    draw(fleets, chosen.out / "allocator.png")


def _text(measured: Measured, fleets: report.Fleets) -> str:
    return f"""# The allocator: fewest GPUs, proven

Written by `make bench-allocator`: Python, one core, A100-80GB, on ParvaGPU's measured tables (SC24, read in place).
"ours" is `--algorithm optimal`; a count without a bound beside it is proven to be the fewest. Every plan was checked:
legal layouts, every rate covered.

## ParvaGPU's scenarios

{report.scenario_table(_scenarios(measured))}
## Every service 8 and 64 times

At most 5 processes, suspect rows kept.

{report.copies_table(_copies(measured))}
## Drawn fleets

Models drawn evenly, rates log-uniform in the range, SLOs uniform over the model's range in S1 to S6; at most 5
processes, suspect rows kept. Times are the best of {REPEATS} (one run at 100,000 services), gap and time the worst of
the seeds. The gap is (GPUs - bound) / bound. "saved" is against ParvaGPU's plan in the same run.

{report.fleets_table(fleets)}
![Time and gap against the number of services](allocator.png)

## Changes in a running fleet

Hosts of {HOST} GPUs, at least {SPARE} GPUs to spare, a move worth {PRICE:g} GPUs; the busiest workload is the one of
the highest rate. A move is a segment that is created; "from nothing": those that a fresh plan, laid out GPU by GPU,
would create; "fitted": those if each of its GPUs is matched with one that holds much of it; "fewest": the GPUs of a
fresh plan. Every step is walked by `controller.allocator.moves.check_steps`:
"under rate": services that a step leaves under what they had and need; "avoidable": how often free slots would have
held a copy meanwhile; "spare GPCs": what the moves take at most beside the larger of before and after. Segments on
lost GPUs are gone before the first step.

{changes_table(changes(measured))}
## Suspect profile rows

{report.suspects_text(measured)}"""


def _scenarios(measured: Measured) -> dict[str, list[Run]]:
    dropped = drop_keys(measured.tables, measured.suspects.keys())
    variants = {
        "≤ 5 processes, suspect rows kept": (measured.tables, Options()),
        "≤ 3 processes, suspect rows kept": (measured.tables, Options(max_processes=3)),
        "≤ 5 processes, suspect rows dropped": (dropped, Options()),
    }
    return {
        name: [run(scenario(measured, index), tables, options, repeat=REPEATS) for index in range(6)]
        for name, (tables, options) in variants.items()
    }


def _copies(measured: Measured) -> dict[str, Run]:
    return {
        f"S{index + 1} × {copies}": run(scenario(measured, index, copies), measured.tables, Options(), repeat=REPEATS)
        for copies in (8, 64)
        for index in (4, 5)
    }


def _fleets(measured: Measured, most: int) -> dict[tuple[str, int], list[Run]]:
    fleets: dict[tuple[str, int], list[Run]] = {}
    for name, rates in RATES.items():
        for services, seeds in SEEDS.items():
            if services > (LARGEST_HEAVY if rates[0] > 1000 else most) or services > most:
                continue
            for seed in range(seeds):
                print(f"{name} req/s, {services:,} services, seed {seed}", file=sys.stderr)
                fleets.setdefault((name, services), []).append(_one(measured, services, seed, rates))
    return fleets


def _one(measured: Measured, services: int, seed: int, rates: tuple[float, float]) -> Run:
    repeat = REPEATS if services <= LARGEST_REPEATED else 1
    return run(drawn(measured, services, seed, rates), measured.tables, Options(), repeat=repeat)


if __name__ == "__main__":
    main()
