"""Attainment against GPUs as one picture."""

from __future__ import annotations

from pathlib import Path

from bench.replay.report import TARGETS, Results

FLOOR = 1e-6  # where nothing late is drawn, on a logarithmic axis


def draw(results: Results, path: Path) -> None:
    """One panel a traffic: the share of late requests of each scenario's plans, GPU counts beside the marks."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(TARGETS), figsize=(14, 4.8), layout="constrained", sharey=True)
    names = list(next(iter(results.values())))
    for axes, (traffic, target) in zip(panels, TARGETS.items(), strict=True):
        for number, name in enumerate(names):
            at = [index + (number - len(names) / 2 + 0.5) * 0.16 for index in range(len(results))]
            late = [max(1 - of[name].attainment(traffic), FLOOR) for of in results.values()]
            axes.scatter(at, late, s=26, color=f"C{number}", marker="osD^v"[number % 5], label=name)
            for x, y, of in zip(at, late, results.values(), strict=True):
                gpus = str(of[name].plan.gpus)
                axes.annotate(
                    gpus, (x, y), (0, 5 + 8 * (number % 2)), textcoords="offset points", ha="center", fontsize=6.5
                )
        axes.axhline(1 - target, color="grey", linestyle="--", linewidth=0.9)
        axes.set(yscale="log", title=f"{traffic} arrivals", ylim=(FLOOR / 2, 2), xticks=range(len(results)))
        axes.set_xticklabels(list(results))
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("late requests, share (bottom: none)")
    panels[0].legend(fontsize=7, loc="center left")
    figure.suptitle("Late requests of each plan; the figures are GPUs, the dashed line is the target", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)
