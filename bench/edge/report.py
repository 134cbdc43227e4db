"""What was measured, as text and as a plot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.edge.changing import Conditions, Line, Step, how, table

OURS = "ours"


@dataclass
class Measured:
    """One way at one speed; milliseconds and frames a second. `cuts`: the bundles' names by digest."""

    speed: float
    way: str
    cuts: dict[str, str] = field(default_factory=dict)
    rounds: list[list[Line]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, window: int, lines: list[Line], fps: float) -> None:
        """Latencies are those of frames that were alone under way; the rate is that of several at once."""
        self.failed += sum(line["answered_by"] == "failed" for line in lines)
        if window > 1:
            self.rates.append(fps)
        else:
            self.rounds.append(lines)

    @property
    def lines(self) -> list[Line]:
        """Of frames that were alone under way."""
        return [line for lines in self.rounds for line in lines]

    @property
    def p50(self) -> float:
        """Over all rounds."""
        return _percentile(self.lines, 50)

    @property
    def p95(self) -> float:
        """Over all rounds."""
        return _percentile(self.lines, 95)

    @property
    def medians(self) -> list[float]:
        """Of each round."""
        return [_percentile(lines, 50) for lines in self.rounds]

    @property
    def fps(self) -> float:
        """The mean of the rounds."""
        return float(np.mean(self.rates)) if self.rates else 0.0

    @property
    def size(self) -> float:
        """Mean bytes of a frame that was sent."""
        sent = [line["activation_bytes"] for line in self.lines if line["answered_by"] == "split"]
        return float(np.mean(sent)) if sent else 0.0

    @property
    def frames(self) -> int:
        """Answered alone."""
        return len(self.lines)

    @property
    def local(self) -> int:
        """Of these, by the device."""
        return sum(line["answered_by"] == "local" for line in self.lines)

    @property
    def levels(self) -> str:
        """Those of more than a twentieth of the frames that were sent, behind the cut's name if there are several."""
        sent = [line for line in self.lines if line["level"]]
        cuts = self.cuts if len({line["bundle"] for line in sent}) > 1 else {}
        counts = Counter(how(line, cuts) for line in sent)
        return ", ".join(sorted(name for name, count in counts.items() if count > len(sent) / 20)) or "-"

    @property
    def summary(self) -> str:
        """One line."""
        return (
            f"{self.way:22} p50 {self.p50:7.1f} ms ({_spread(self.medians)})  p95 {self.p95:7.1f} ms  "
            f"{self.fps:6.2f} frames/s  "
            f"{self.size / 1000:6.1f} KB  local {self.local}/{self.frames}  {self.levels}"
        )


def _percentile(lines: list[Line], q: float) -> float:
    return float(np.percentile([line["timing_ms"]["total"] for line in lines], q)) if lines else 0.0


def _spread(values: list[float]) -> str:
    return f"{min(values):.1f}-{max(values):.1f}" if values else "-"


def text(measured: list[Measured], run: Step, same: Mapping[tuple[str, str], float], told: Conditions) -> str:
    """docs/results/edge.md. `same`: the share of answers that are the whole model's, by bundle and level."""
    lines = [
        "# The edge, live", "",
        "`make bench-edge` wrote this. EfficientNet-Lite0 (ImageNet weights, 224 px, uint8 input) on photographs; cut "
        "at 40×28×28. Device: the edge agent, one thread, held to "
        f"{told.share:g} of one core by a CPU quota (cgroup v1, 20 ms periods). Edge: `sliceplane-tail` and a CPU "
        "Triton on the rest of the same machine. Link: network namespace, veth pair, `tc tbf` in both directions; "
        f"no delay is added: the round trip of a TCP handshake is {told.rtt_ms:.2f} ms. p50 and p95: frames one at a "
        f"time; frames/s: four under way. All ways take turns, {told.rounds} rounds at each speed, a fresh agent each "
        "time: `rounds` gives the lowest and the highest of the rounds' medians, which is what chance does here. A run "
        "ends after 25 s at the latest: `frames` says how many were measured, after three that warm up, or "
        f"{told.learn_s:g} s where the agent is to learn what to choose. *ours* chooses level and local or "
        "split, at the cut with a layer of principal components, untrained, or with the image; *ours, cuts* holds both "
        "and a cut at 80×14×14, and chooses among them, too. JPEG: quality 85, the whole model behind it.", "",
        "| Mbit/s | way | p50 ms | rounds | p95 ms | frames/s | KB a frame | frames | local | failed | levels |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {m.speed:g} | {m.way} | {m.p50:.1f} | {_spread(m.medians)} | {m.p95:.1f} | {m.fps:.2f} "
        f"| {m.size / 1000:.1f} | {m.frames} | {m.local} | {m.failed} | {m.levels} |"
        for m in measured
    ]
    lines += ["", *_ratios(measured), "", *_same(same), "", *table(run, told), "", "![plot](edge.png)", ""]
    return "\n".join(lines)


def _ratios(measured: list[Measured]) -> list[str]:
    """The paper's 16× is TX2 CPU in eager TensorFlow against a GPU edge, its 2.8× is against Scission."""
    lines = [
        "Ratios of medians, above 1 where ours is faster. The paper says 16× over local and 2.8× over Scission: a "
        "TX2's CPU in eager TensorFlow against an edge with a GPU, and another edge runtime than Scission's. Here both "
        "sides run ONNX Runtime on CPUs of one machine. Where *ours* does just what another way does, what their ratio "
        "differs from 1 is what the choice costs, and chance.", "",
        "| Mbit/s | way | to local | to fp32 split | to the best other | best other | within 5 % | to most frames/s |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for speed in dict.fromkeys(m.speed for m in measured):
        here = {m.way: m for m in measured if m.speed == speed}
        others = [m for m in here.values() if not m.way.startswith(OURS)]
        best = min(others, key=lambda m: m.p50)
        for m in here.values():
            if m.way.startswith(OURS):
                fp32 = here["fp32 split (Scission)"].p50 / m.p50
                ratio, most = best.p50 / m.p50, m.fps / max(one.fps for one in others)
                lines.append(
                    f"| {speed:g} | {m.way} | {here['local'].p50 / m.p50:.2f} | {fp32:.2f} | {ratio:.2f} | {best.way} "
                    f"| {'yes' if m.p50 <= 1.05 * best.p50 else '**no**'} | {most:.2f} |"
                )
    return lines


def _same(same: Mapping[tuple[str, str], float]) -> list[str]:
    """The paper's layer is untrained here, as ours is."""
    lines = [
        "What levels cost: the share of the frames whose best class is the whole model's. The paper's layer "
        "(`pooled`) is meant to have its tail retrained, which was not done here; `make bench-tl` trains.", "",
        "| bundle | same answer, by level |", "|---|---|",
    ]  # fmt: skip
    for bundle in dict.fromkeys(name for name, _ in same):
        levels = ", ".join(f"{level} {share:.0%}" for (name, level), share in same.items() if name == bundle)
        lines.append(f"| {bundle} | {levels} |")
    return lines


def plot(measured: list[Measured], run: Step, path: Path) -> None:
    """Latency against speed; and the level and the cut of each frame against time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, levels, cuts) = pyplot.subplots(
        3, 1, figsize=(9, 10), layout="constrained", height_ratios=(4, 3, 1.5)
    )
    for way in dict.fromkeys(m.way for m in measured):
        of = [m for m in measured if m.way == way]
        above.plot([m.speed for m in of], [m.p50 for m in of], "o-" if way.startswith(OURS) else "s--", label=way)
    above.set(xscale="log", yscale="log", xlabel="link, Mbit/s", ylabel="median frame latency, ms")
    if measured:
        above.legend(fontsize=8)
    for axes, said, title in ((levels, how, "level of each frame"), (cuts, run.cut, "cut of each frame")):
        names = sorted({said(line) for line in run.lines})
        axes.plot(
            [run.sent[line["frame"]] for line in run.lines], [names.index(said(line)) for line in run.lines], "o", ms=3
        )
        axes.set(yticks=range(len(names)), yticklabels=names, title=title)
        for index, speed in enumerate(run.speeds):
            axes.axvline(index * run.step_s, color="grey", lw=0.8)
            axes.text(index * run.step_s + 0.2, len(names) - 0.6, f"{speed:g} Mbit/s", fontsize=8)
        axes.set_ylim(-0.5, len(names) - 0.3)
    cuts.set_xlabel("seconds")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
