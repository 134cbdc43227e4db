"""`make bench-sharing`: light services on shared segments against a segment each, and a replay of arrivals.

Prints the tables and writes them to docs/results/sharing.md with a plot beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.allocator.__main__ import DATA, REPOSITORY
from bench.allocator.fleets import drawn, read
from bench.longtail.plot import draw
from bench.longtail.replay import AS_PLANNED, NOMINAL, ORDERS, Load
from bench.longtail.report import fleets_table, replay_table, verdict
from bench.longtail.runs import Fleet, Replayed, fleet, replayed
from controller.allocator import Options
from controller.allocator.sharing.batching import LONGER, MOST
from controller.allocator.sharing.light import LATENCY_MARGIN

RATES = (0.5, 20.0)  # req/s
BURSTS = (1.25, 1.0)  # the default; arrivals known to be Poisson
IN_FULL = 3  # seeds; of the others the default burstiness alone, in the order that segments are to run in


def main() -> None:
    """Plans and replays every fleet; about a quarter of an hour."""
    chosen = _arguments()
    measured = read(chosen.data)
    fleets = []
    for number, burst in ((number, burst) for number in range(1, chosen.seeds + 1) for burst in BURSTS):
        if number > IN_FULL and burst != BURSTS[0]:
            continue
        _say(f"planning seed {number}, peak / mean {burst:g}")
        services = drawn(measured, chosen.services, number, RATES)
        fleets.append(fleet(services, measured.tables, Options(burstiness=burst), number))
    rows = [(one, run) for one in fleets for run in _replays(one, chosen.minutes)]
    text = _text(chosen.services, chosen.minutes, fleets, rows)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "sharing.md").write_text(text)
    draw([run for one, run in rows if one is fleets[0]], 1 - fleets[0].options.attainment, chosen.out / "sharing.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-sharing", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="ParvaGPU's measured tables (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results", help="default: %(default)s")
    parser.add_argument("--services", type=int, default=1100, help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=8, help="fleets drawn (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="simulated (default: %(default)s)")
    return parser.parse_args()


def _replays(one: Fleet, minutes: float) -> Iterator[Replayed]:
    """Each order as planned and in bursts, then at the load that the bound allows for."""
    burst = one.options.burstiness
    loads = [NOMINAL]
    if burst > 1:
        loads.append(Load(peak=burst))
    if one.seed == 1:
        loads.append(Load(burst, LATENCY_MARGIN))
    for load in loads if one.seed == 1 or burst > 1 else ():
        for order in ORDERS if one.seed <= IN_FULL else (AS_PLANNED,):
            _say(f"replaying seed {one.seed}, peak / mean {burst:g}: {order}, {load}")
            yield replayed(one, minutes, order, load)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _text(services: int, minutes: float, fleets: list[Fleet], rows: list[tuple[Fleet, Replayed]]) -> str:
    options = fleets[0].options
    promise, margin = options.attainment, f"{LATENCY_MARGIN - 1:.0%}"
    return f"""# Light services share segments

Written by `make bench-sharing`: {services:,} services, models drawn evenly over ParvaGPU's eleven, rates log-uniform
from {RATES[0]:g} to {RATES[1]:g} req/s, SLOs uniform over the model's range in S1 to S6; A100-80GB, optimal planner,
rule `half` for what stays alone. On a shared segment executions are one at a time, each of up to {MOST} waiting items
of one tenant: as many as last no longer than one after another, nor longer than one item by more than {LONGER:.0%} of
the SLO. A tenant's wait is bounded for any order of execution, at its peak rate and with latencies {margin} above the
measured: at least {promise:.2%} within the SLO. Memory per tenant: {options.tenant_memory_mb:,.0f} MB assumed.

{fleets_table(fleets)}
"lower bound": no grouping whatever takes fewer GPUs, by utilisation and memory alone. "alone" are segments of one
service, as without sharing.

## Replay

The shared segments, {minutes:g} simulated minutes of Poisson arrivals, and of such whose intensity switches, tenant by
tenant, between the peak and as much below the mean (5 s each on average). "late" counts every request that took longer
than its SLO; the promise, for any order of execution, is a share late of at most {1 - promise:.0e}. Segments are to run
with the priorities of `controller.allocator.sharing.priorities` in Triton's rate limiter: "Triton, tightest SLO first".
The other orders show what the promise is worth without them: equal priorities run the least executed model first;
"tightest SLO last" is the worst fixed order for the tenant with least time to spare. Rate and latency times a factor
are all that the bound allows for, at once and for ever.

{verdict(rows)}

{replay_table(rows)}
![Share of requests beyond a share of the SLO](sharing.png)
"""


if __name__ == "__main__":
    main()
