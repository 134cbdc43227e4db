"""GPUs by scenario and system as bars."""

from __future__ import annotations

from pathlib import Path

from bench.baselines.report import SCENARIOS, Results
from bench.baselines.systems import MODELLED, OURS, PARVAGPU, SYSTEMS
from sliceplane.picture.palette import COLOURS

SHOWN = (
    OURS,
    PARVAGPU,
    "MIG-serving, genetic",
    "MIG-serving, greedy, at most 2 services a GPU",
    "gpulet, no slow-down",
    "iGniter, no slow-down",
    "whole GPUs, ≤ 5 processes",
)


def draw(results: Results, path: Path) -> None:
    """One group a scenario; modelled systems are hatched."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    how = {system.name: system.how for system in SYSTEMS}
    figure, axes = plt.subplots(figsize=(11, 4.6), layout="constrained")
    width = 0.84 / len(SHOWN)
    for index, name in enumerate(SHOWN):
        modelled = how[name] == MODELLED
        bars = axes.bar(
            [at + (index - (len(SHOWN) - 1) / 2) * width for at in range(len(SCENARIOS))],
            [one.gpus for one in results[name]],
            width * 0.94,
            color=COLOURS[index % len(COLOURS)],
            edgecolor="white" if modelled else "none",
            hatch="///" if modelled else None,
            label=f"{name} ({MODELLED})" if modelled else name,
        )
        axes.bar_label(bars, fontsize=7, padding=1)
    axes.set_xticks(range(len(SCENARIOS)), SCENARIOS)
    axes.set(ylabel="GPUs", title="A100-80GB that each allocator takes, ParvaGPU's scenarios")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)
