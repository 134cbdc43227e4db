"""Accuracy over bytes per image, one panel a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.tl.ratios import best, of
from bench.tl.report import WAYS
from bench.tl.task import Point
from sliceplane.picture.palette import COLOURS


def draw(found: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Bytes on a logarithmic axis; a line joins what no setting of its way beats in both; pale dots are the others."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(8 * len(found), 5), layout="constrained", squeeze=False)
    for axes, (name, points) in zip(panels[0], found.items(), strict=True):
        for way, colour in zip(WAYS, COLOURS, strict=False):
            every, line = of(points, way), best(points, way)
            axes.plot([p.bytes for p in every], [100 * p.accuracy for p in every], "o", color=colour, alpha=0.25)
            axes.plot([p.bytes for p in line], [100 * p.accuracy for p in line], "o-", color=colour, label=way)
        top = 100 * of(points, "raw uint8")[0].accuracy
        axes.set_xscale("log")
        axes.set(xlabel="bytes per image", ylabel="accuracy, %", title=name, ylim=(top - 8, top + 1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)
