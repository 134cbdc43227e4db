"""How long requests on shared segments took, as shares of their SLOs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.longtail.replay import NOMINAL, ORDERS, Load
from bench.longtail.runs import EDGES, Replayed

_SAID = {"-": "", ":": ", in bursts", "--": ", at the bound's own load"}


def draw(runs: Sequence[Replayed], miss: float, path: Path) -> None:
    """The share of requests that took longer than a share of their SLO, a line an order and load."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
    colours = {order: f"C{number}" for number, order in enumerate(ORDERS)}
    for one in runs:
        beyond = 1 - np.cumsum(one.counts) / max(one.requests, 1)
        shown = beyond > 0.5 / max(one.requests, 1)
        label = one.order + _SAID[_style(one.load)]
        axes.plot(EDGES[1:][shown], beyond[shown], _style(one.load), color=colours[one.order], label=label)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.axhline(miss, color="grey", linewidth=0.8)
    axes.annotate("promised", (0.01, miss * 1.2), color="grey")
    axes.set(yscale="log", xlabel="time from arrival to answer / SLO", ylabel="share of requests beyond", xlim=(0, 1.3))
    axes.set_title("Shared segments")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _style(load: Load) -> str:
    return "-" if load == NOMINAL else ":" if load.peak > 1 else "--"
