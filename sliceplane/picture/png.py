"""A scene as PNG, by matplotlib, which is loaded only here."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from sliceplane.picture.palette import PAPER
from sliceplane.picture.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_INCH = 100.0  # of the scene
SCALE = 1.5  # pixels of the file to one of the scene
LARGEST = 30_000  # pixels; larger scenes are scaled down
_HATCHES = {
    "": None,
    "rising": "///",
    "falling": "\\\\\\",
    "dots": "..",
    "upright": "||",
    "level": "--",
    "crossed": "++",
}
_ACROSS = {"start": "left", "middle": "center", "end": "right"}


def write_png(scene: Scene, path: Path) -> None:
    """Raises ImportError where matplotlib is not installed."""
    import matplotlib as mpl

    with mpl.rc_context({"hatch.linewidth": 0.9}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that the font lacks is drawn as a box: no more can be done
        _figure(scene).savefig(path, facecolor=PAPER)


def _figure(scene: Scene) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    scale = min(SCALE, LARGEST / max(scene.width, scene.height))
    size = scene.width / PIXELS_PER_INCH, scene.height / PIXELS_PER_INCH
    figure = Figure(figsize=size, dpi=PIXELS_PER_INCH * scale, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, scene.width), ylim=(scene.height, 0))
    for box in scene.boxes:
        edge = box.edge or "none"
        axes.add_artist(Rectangle((box.x, box.y), box.width, box.height, facecolor=box.fill, edgecolor=edge, lw=0.6))
        if box.hatch:
            hatch = _HATCHES[box.hatch]
            axes.add_artist(Rectangle((box.x, box.y), box.width, box.height, fill=False, ec=PAPER, lw=0, hatch=hatch))
    for label in scene.labels:
        axes.text(
            label.x,
            label.y,
            label.text,
            fontsize=label.size * 72 / PIXELS_PER_INCH,
            color=label.colour,
            ha=_ACROSS[label.anchor],
            va="center_baseline",
            fontweight="bold" if label.bold else "normal",
            parse_math=False,
        )
    return figure
