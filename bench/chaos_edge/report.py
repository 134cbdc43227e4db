"""The chaos run's table as Markdown; every statement is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.allocator.report import table
from bench.chaos_edge.check import Verdict


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault: seconds until results were again as they should be, None: not in time. `seen`: it had its effect."""

    fault: str
    recovered_s: float | None
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """The whole run."""

    seed: int
    seconds: float
    happened: Sequence[Happened]
    verdict: Verdict
    frames: int
    sources: int
    by: dict[str, int]
    published_twice: int
    unpublished: int
    held_up: int
    disk: str
    clocks: str

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        recovered = all(one.recovered_s is not None for one in self.happened)
        return self.verdict.kept and recovered and not self.unpublished


def text(run: Run) -> str:
    """The report."""
    wrong = run.verdict
    rows = [_row(run, name) for name in dict.fromkeys(sorted(one.fault for one in run.happened))]
    heads = ("fault", "times", "effect seen", "recovered", "p50 s", "max s")
    ways = ", ".join(f"{count} {where}" for where, count in sorted(run.by.items()))
    return f"""# Chaos at the edge

Written by `make chaos-edge`, seed {run.seed}: {len(run.happened)} faults in {run.seconds:.0f} s
while {run.sources} sources (a folder, two cameras over MQTT) send. Edge agent, two tails, Triton (CPU build),
Mosquitto and PP-OCR's orientation model are real, all on one machine's loopback; the bench starts again what it
killed, as systemd would. The controller takes no part. Disk: {run.disk}.
Link: a relay that breaks every connection. Clock: {run.clocks}.
kill -9 loses no page cache: power loss is tested by cutting the log at any byte, in
`tests/unit/edge_agent/queue/test_store.py`, not here.

{run.frames} frames sent: **{len(wrong.lost)} lost, {len(wrong.twice)} with two results,
{len(wrong.out_of_order)} out of order in their source, {len(wrong.strange)} results of frames that nobody sent**.
Answers: {ways}. The same results over MQTT: {run.unpublished} missing,
{run.published_twice} delivered again with the same number (QoS 1 allows it).

The agent's log says {run.held_up} times that a full disk held it up.

{table(heads, rows)}
Recovered: seconds from mending the fault (starting what was killed, freeing the disk, joining the link) to the first
new result as it should be: by the split for tail, Triton, link and foreign bundle, any answer for the others.
"Effect seen": a result says meanwhile that it was felt: answered locally, or DIGEST_MISMATCH; "-": none is due.
"""


def _row(run: Run, name: str) -> tuple[str, ...]:
    found = [one for one in run.happened if one.fault == name]
    times = [one.recovered_s for one in found if one.recovered_s is not None]
    p50, most = (f"{np.median(times):.2f}", f"{max(times):.2f}") if times else ("-", "-")
    due = name.startswith(("kill -9 of t", "kill -9 of T", "link", "tail"))
    seen = str(sum(one.seen for one in found)) if due and "edge" not in name else "-"
    return name, str(len(found)), seen, str(len(times)), p50, most
