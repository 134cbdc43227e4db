"""Bits per element against speed, a mark a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.codec.measure import Measured
from bench.codec.tensors import Tensor

_COLOURS = {
    "raw": "black",
    "packed": "tab:orange",
    "zstd": "tab:blue",
    "rans": "tab:green",
    "u8": "tab:grey",
    "jpeg": "tab:red",
    "webp": "tab:purple",
}
_BITS = (0.5, 1, 2, 4, 8, 16, 32)


def draw(results: Mapping[str, tuple[Tensor, Sequence[Measured]]], path: Path) -> None:
    """Encoding on top, decoding below, a column a tensor."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    size = (3.6 * len(results), 6.4)
    figure, axes = plt.subplots(
        2, len(results), figsize=size, layout="constrained", sharex=True, sharey=True, squeeze=False
    )
    for column, (name, (_, rows)) in enumerate(results.items()):
        for row, way in enumerate(("encode", "decode")):
            plain = axes[row][column]
            for family, colour in _COLOURS.items():
                some = [one for one in rows if one.level.name.split("-")[0] == family]
                if not some:
                    continue
                speeds = [getattr(one, f"{way}_mbs") for one in some]
                plain.plot([one.bits for one in some], speeds, "o-", color=colour, label=family, markersize=4)
            plain.set(xscale="log", yscale="log", ylabel=f"{way}, MB/s" if not column else "")
            plain.set_xticks(_BITS, [f"{bits:g}" for bits in _BITS])
            plain.minorticks_off()
            plain.grid(alpha=0.3)
        axes[0][column].set_title(name.replace(", ", "\n"), fontsize=9)
        axes[1][column].set_xlabel("bits per element")
    lines = {line.get_label(): line for axis in axes[0] for line in axis.get_lines()}
    figure.legend(lines.values(), lines.keys(), fontsize=8, ncols=len(lines), loc="outside upper center")
    figure.savefig(path, dpi=110)
    plt.close(figure)
