"""A scene as SVG text; needs nothing beside the standard library."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from sliceplane.picture.palette import PAPER
from sliceplane.picture.scene import Box, Label, Scene

FONTS = "DejaVu Sans, Verdana, Segoe UI, sans-serif"
_STROKE = 'stroke="#FFFFFF" stroke-opacity="0.75" stroke-width="2"'
_PATTERNS = {
    "rising": f'<path d="M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4" {_STROKE}/>',
    "falling": f'<path d="M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4" {_STROKE}/>',
    "dots": '<circle cx="4" cy="4" r="1.8" fill="#FFFFFF" fill-opacity="0.85"/>',
    "upright": f'<path d="M4,0 v8" {_STROKE}/>',
    "level": f'<path d="M0,4 h8" {_STROKE}/>',
    "crossed": f'<path d="M4,0 v8 M0,4 h8" {_STROKE}/>',
}


def to_svg(scene: Scene) -> str:
    """The whole document."""
    return "\n".join(_document(scene)) + "\n"


def _document(scene: Scene) -> Iterator[str]:
    size = f'width="{scene.width:.0f}" height="{scene.height:.0f}"'
    box = f'viewBox="0 0 {scene.width:.0f} {scene.height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="{FONTS}">'
    yield "<defs>"
    for name, drawn in _PATTERNS.items():
        yield f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">{drawn}</pattern>'
    yield "</defs>"
    yield f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    for one in scene.boxes:
        yield from _box(one)
    for label in scene.labels:
        yield from _label(label)
    yield "</svg>"


def _box(box: Box) -> Iterator[str]:
    where = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    edge = f' stroke="{box.edge}" stroke-width="0.8"' if box.edge else ""
    tip = f"<title>{escape(_printable(box.tip))}</title>" if box.tip else ""
    yield f'<rect {where} fill="{box.fill}"{edge}>{tip}</rect>'
    if box.hatch:
        yield f'<rect {where} fill="url(#{box.hatch})">{tip}</rect>'


def _label(label: Label) -> Iterator[str]:
    weight = ' font-weight="bold"' if label.bold else ""
    at = f'x="{label.x:.1f}" y="{label.y:.1f}" dy="0.35em" text-anchor={quoteattr(label.anchor)}'
    yield f'<text {at} font-size="{label.size:g}" fill="{label.colour}"{weight}>{escape(_printable(label.text))}</text>'


def _printable(text: str) -> str:
    """Without the characters that XML forbids."""
    return "".join(char if char.isprintable() else "·" for char in text)
