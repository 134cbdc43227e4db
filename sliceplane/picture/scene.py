"""What a picture is made of: rectangles and texts in pixels, the origin at the top left (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

WIDTH_OF_CHARACTER = 0.66  # of the font size: a little above the mean of a sans-serif face


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `hatch` is a name of palette.HATCHES, `tip` what a viewer shows of it."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str = ""
    hatch: str = ""
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text; `x` is its left, middle or right, by `anchor`; `y` its vertical middle."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: str = "start"  # start, middle, end
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything, in the order in which it is painted."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return cell_len(text) * size * WIDTH_OF_CHARACTER


def shortened(text: str, size: float, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than the room."""
    if text_width(text, size) <= room:
        return text
    return set_cell_size(text, max(0, int(room / (size * WIDTH_OF_CHARACTER)) - 1)).rstrip("-_. ") + "…"


def ground(label: Label, fill: str) -> Box:
    """What is laid under a text on a hatched ground."""
    width = text_width(label.text, label.size) + 2
    left = label.x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[label.anchor]
    return Box(left, label.y - label.size * 0.64, width, label.size * 1.28, fill)
