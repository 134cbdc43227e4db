"""The tables of docs/results/sharing.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.longtail.replay import AS_PLANNED, NOMINAL, Load
from bench.longtail.runs import Fleet, Replayed


def fleets_table(fleets: Sequence[Fleet]) -> str:
    """GPUs with and without sharing."""
    rows = [
        "| seed | peak / mean rate | a segment each | shared | share | lower bound | shared segments | tenants each "
        "| alone | refused | planned in |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(rows + [_fleet(one) for one in fleets]) + "\n"


def _fleet(one: Fleet) -> str:
    tenants = [len(segment.tenants) for segment in one.segments]
    cells = (
        str(one.seed),
        f"{one.options.burstiness:g}",
        f"{one.alone.gpus}",
        f"**{one.shared.gpus}**",
        f"{one.shared.gpus / one.alone.gpus:.1%}",
        f"{one.shared.lower_bound}",
        f"{len(tenants)} ({_sizes(one)})",
        f"{min(tenants, default=0)}-{max(tenants, default=0)}, mean {sum(tenants) / max(len(tenants), 1):.1f}",
        f"{len(one.shared.placed) - len(tenants)}",
        f"{len(one.shared.unservable)}",
        f"{one.seconds:.1f} s",
    )
    return f"| {' | '.join(cells)} |"


def _sizes(one: Fleet) -> str:
    sizes = Counter(segment.size for segment in one.segments)
    return ", ".join(f"{count} × {size}g" for size, count in sorted(sizes.items()))


def replay_table(rows: Sequence[tuple[Fleet, Replayed]]) -> str:
    """Requests later than their SLO: raw count, and share."""
    head = [
        "| seed | peak / mean rate | order of execution | load | requests | late | share late | worst time / SLO |",
        "|---:|---:|---|---|---:|---:|---:|---:|",
    ]
    return "\n".join(head + [_replay(*row) for row in rows]) + "\n"


def verdict(rows: Sequence[tuple[Fleet, Replayed]]) -> str:
    """What became of the requests in the order that segments are to run in, as planned and in bursts."""
    found = []
    for peaks, name in ((False, "as planned"), (True, "in bursts")):
        runs = [
            run for _, run in rows if run.order == AS_PLANNED and run.load.rate == 1 and (run.load.peak > 1) is peaks
        ]
        late, count = sum(run.late for run in runs), sum(run.requests for run in runs)
        found.append(f"{name} **{late:,} of {count:,}** requests late in {len(runs)} replays")
    return f"With these priorities: {', '.join(found)}."


def _load(load: Load) -> str:
    if load == NOMINAL:
        return "as planned"
    if load.peak > 1:
        return f"as planned, in bursts of {load.peak:g} × the mean"
    return f"rate × {load.rate:g}, latency × {load.latency:g}"


def _replay(one: Fleet, run: Replayed) -> str:
    load = _load(run.load)
    share = f"{run.late / max(run.requests, 1):.2e}"
    cells = (str(one.seed), f"{one.options.burstiness:g}", run.order, load, f"{run.requests:,}", f"{run.late:,}")
    return f"| {' | '.join(cells)} | {share} | {run.worst:.2f} |"
