"""A link that changes while frames flow: what became of each frame, and when level and cut followed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a run was made with. `share`: of one core, the device's; `rate`: frames a second over the changing link."""

    share: float
    rounds: int
    learn_s: float
    rtt_ms: float
    step_s: float
    rate: float


@dataclass
class Step:
    """The changing link. `sent`: seconds since its start, by frame; `lines`: their results; `cuts`: names by digest."""

    speeds: tuple[float, ...]
    step_s: float
    cuts: dict[str, str] = field(default_factory=dict)
    index: int = 0
    sent: dict[str, float] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Frames without result."""
        return len(self.sent.keys() - {line["frame"] for line in self.lines})

    @property
    def twice(self) -> int:
        """Results too many."""
        return len(self.lines) - len({line["frame"] for line in self.lines})

    def of(self, index: int) -> list[Line]:
        """Results of the frames that were sent in a step, in order."""
        return [
            line
            for line in self.lines
            if min(len(self.speeds) - 1, int(self.sent[line["frame"]] / self.step_s)) == index
        ]

    def changed_s(self, index: int, of: Callable[[Line], str]) -> list[float]:
        """Seconds from a step's begin to each frame that was answered by another `of` than the one before it."""
        lines = self.of(index)
        before = self.of(index - 1)[-1:] if index else []
        changed = [b for a, b in itertools.pairwise([*before, *lines]) if of(a) != of(b)]
        return [self.sent[line["frame"]] - index * self.step_s for line in changed]

    def cut(self, line: Line) -> str:
        """The cut, or that it was answered locally."""
        return self.cuts[line["bundle"]] if line["level"] else str(line["answered_by"])

    @property
    def verdict(self) -> str:
        """One line."""
        return f"changing link: {len(self.sent)} frames, {self.lost} lost, {self.twice} answered twice"


def how(line: Line, cuts: Mapping[str, str] | None = None) -> str:
    """The level, behind the cut's name if `cuts` has it by its digest, or that it was answered locally."""
    cut = (cuts or {}).get(line["bundle"], "")
    return f"{cut} {line['level']}".strip() if line["level"] else str(line["answered_by"])


def table(run: Step, told: Conditions) -> list[str]:
    """What became of the frames, step by step, as Markdown."""
    lines = [
        f"**A link that changes**, {told.step_s:g} s a step, {told.rate:g} frames/s, deadline 1.5 s, goal offload, "
        f"levels down to rans-2, two cuts (small, late): {len(run.sent)} frames, **{run.lost} lost, {run.twice} "
        "answered twice**. A change is one to another level, to another cut, or to the device and back; in brackets: "
        "seconds after the link changed.", "",
        "| Mbit/s | frames | answered by | late | changes of the level | of the cut | p50 ms | p95 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for index, speed in enumerate(run.speeds):
        found = run.of(index)
        took = [line["timing_ms"]["total"] for line in found] or [0.0]
        by = ", ".join(f"{name} × {count}" for name, count in Counter(how(line, run.cuts) for line in found).items())
        p50, p95 = np.percentile(took, (50, 95))
        late = sum(line["late"] for line in found)
        lines.append(
            f"| {speed:g} | {len(found)} | {by} | {late} | {_times(run.changed_s(index, how))} "
            f"| {_times(run.changed_s(index, run.cut))} | {p50:.0f} | {p95:.0f} |"
        )
    return lines


def _times(seconds: list[float]) -> str:
    return f"{len(seconds)} ({', '.join(f'{at:.1f}' for at in seconds)})" if seconds else "0"
