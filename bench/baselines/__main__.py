"""`make bench-baselines`: other systems' allocators against ParvaGPU's and ours, on the same tables and scenarios.

Prints the tables and writes them to docs/results/baselines.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.allocator.fleets import Measured, read, scenario
from bench.baselines.plot import draw
from bench.baselines.report import SCENARIOS, Results, text
from bench.baselines.systems import SYSTEMS, Result, run

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data" / "parvagpu_a100"
SEEDS = 5


def main() -> None:
    """Runs everything; about half a minute."""
    parser = argparse.ArgumentParser(prog="make bench-baselines", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="ParvaGPU's measured tables (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the genetic search (default: %(default)s)")
    chosen = parser.parse_args()
    if chosen.seeds < 1:
        raise SystemExit("--seeds must be at least 1")
    results = _results(read(chosen.data), chosen.seeds)
    page = text(results, chosen.seeds)
    print(page)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "baselines.md").write_text(page)
    draw(results, chosen.out / "baselines.png")


def _results(measured: Measured, seeds: int) -> Results:
    results: dict[str, list[Result]] = {}
    for system in SYSTEMS:
        print(system.name, file=sys.stderr)
        for index in range(len(SCENARIOS)):
            found = run(system, scenario(measured, index), measured.tables, seeds)
            results.setdefault(system.name, []).append(found)
    return results


if __name__ == "__main__":
    main()
