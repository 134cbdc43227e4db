"""Growth and gap of the drawn fleets as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.allocator.report import Fleets
from bench.allocator.runs import Run

FLOOR = 1e-6  # where a gap of 0 is drawn, on a logarithmic axis


def draw(fleets: Fleets, path: Path) -> None:
    """Left: time against services, ours and ParvaGPU's; right: the worst gap."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    for color, rates in enumerate(dict.fromkeys(rates for rates, _ in fleets)):
        line = {"color": f"C{color}", "marker": "o"}
        sizes = [services for one, services in fleets if one == rates]
        runs = [fleets[rates, services] for services in sizes]
        left.plot(sizes, [_slowest(one) for one in runs], label=f"optimal, {rates} req/s", **line)
        peers = [max(one.parvagpu_seconds for one in seeds) for seeds in runs]
        left.plot(sizes, peers, linestyle="--", label=f"ParvaGPU, {rates} req/s", **line)
        right.plot(sizes, [max(max(one.gap for one in seeds), FLOOR) for seeds in runs], label=f"{rates} req/s", **line)
    left.set(xscale="log", yscale="log", xlabel="services", ylabel="slowest of the seeds, s", title="Time, one core")
    right.set(xscale="log", yscale="log", xlabel="services", ylabel="GPUs above the bound, share", title="Worst gap")
    right.set_ylim(FLOOR / 2, 1e-2)
    left.set_ylim(top=1e3)
    right.axhline(FLOOR, color="grey", linewidth=0.8)
    where = {"xycoords": ("axes fraction", "data"), "va": "top", "color": "grey"}
    right.annotate("0: proven optimal", (0.02, FLOOR * 0.88), **where)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="upper left" if axes is left else "center right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _slowest(runs: Sequence[Run]) -> float:
    return max(one.seconds for one in runs)
