"""Latency of the 18 networks by method, unconstrained above private."""

from __future__ import annotations

from pathlib import Path

from bench.split_replay.report import Networks
from bench.split_replay.tables import LINK, PRIVATE, best
from sliceplane.picture.palette import COLOURS

SHOWN = ("local", "raw uint8", "JPEG 95", "fp32 split", "paper's TL", "ours, untrained", "ours, with TL")


def draw(free: Networks, private: Networks, path: Path) -> None:
    """One group a network; milliseconds on a logarithmic axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(2, 1, figsize=(14, 8), layout="constrained", sharex=True)
    for axes, networks, columns, title in (
        (both[0], free, SHOWN, "Unconstrained"),
        (both[1], private, PRIVATE[:-1], "Private: the first convolution block stays on the device"),
    ):
        width = 0.86 / len(columns)
        for index, column in enumerate(columns):
            places = [at + (index - (len(columns) - 1) / 2) * width for at in range(len(networks))]
            winners = [best(found, column) for found in networks.values()]
            heights = [one.totals.latency_ms if one else 0 for one in winners]
            axes.bar(places, heights, width, color=COLOURS[SHOWN.index(column)], label=column)
        axes.set_yscale("log")
        axes.set(ylabel="ms", title=title)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    both[0].legend(fontsize=8, ncols=len(SHOWN), loc="upper left")
    both[1].set_xticks(range(len(free)), list(free), rotation=30, ha="right", fontsize=8)
    figure.suptitle(
        f"Best candidate, TX2 GPU to Ampere, {LINK.mbps:g} Mbit/s, {LINK.rtt_ms:g} ms round trip", fontsize=10
    )
    figure.savefig(path, dpi=100)
    plt.close(figure)
