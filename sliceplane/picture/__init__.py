"""Pictures of GPU maps, as SVG without further packages and as PNG through matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sliceplane.gpu_map import Row
from sliceplane.picture.gpu_map import map_scene
from sliceplane.picture.svg import to_svg

SVG, PNG = ".svg", ".png"


def draw_map(rows: Sequence[Row], path: Path, title: str) -> None:
    """Draws the rows into a .svg or .png file. Raises ValueError, one line, naming the file and the way out."""
    kind = path.suffix.lower()
    if kind not in (SVG, PNG):
        raise ValueError(f"{path}: a picture is a .svg or a .png file, not {kind or 'one without an extension'}")
    scene = map_scene(rows, title)
    try:
        if kind == SVG:
            path.write_text(to_svg(scene), encoding="utf-8")
        else:
            from sliceplane.picture.png import write_png

            write_png(scene, path)
    except ImportError as error:
        raise ValueError(f"{path}: a .png takes matplotlib: `pip install matplotlib`, or name a .svg file") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from error


__all__ = ["draw_map"]
