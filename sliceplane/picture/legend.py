"""The legend under a map: sign, colour and name of each workload, with its segments and GPCs (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sliceplane.gpu_map import Row
from sliceplane.picture.palette import INK, MUTED, Look
from sliceplane.picture.scene import Box, Label, ground, shortened, text_width
from sliceplane.picture.sizes import MARGIN

FONT, LINE, SWATCH, MOST_NAMED = 11.0, 22.0, 30.0, 200
WIDEST = 320.0


@dataclass(frozen=True, slots=True)
class Legend:
    """Its parts and where it ends."""

    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    bottom: float


def legend(rows: Sequence[Row], look: Mapping[str, Look], signs: Mapping[str, str], top: float, width: float) -> Legend:
    """Entries in columns from `top` on, by name; MOST_NAMED at most, and how many are left out."""
    segments: Counter[str] = Counter()
    gpcs: Counter[str] = Counter()
    for block in (block for row in rows for block in row.blocks):
        segments[block.workload] += 1
        gpcs[block.workload] += block.gpcs
    names = list(look)[:MOST_NAMED]
    texts = {name: f"{_short(name)}  {_of(segments[name], gpcs[name])}" for name in names}
    column = max((text_width(text, FONT) for text in texts.values()), default=0.0) + SWATCH + 1.5 * MARGIN
    columns = max(1, int((width - 2 * MARGIN) // column))
    deep = -(-len(names) // columns)
    boxes, labels = [], []
    for index, name in enumerate(names):
        across, down = divmod(index, deep)
        x, y = MARGIN + across * column, top + down * LINE
        its = look[name]
        boxes.append(Box(x, y, SWATCH, LINE - 6, its.fill, INK, its.hatch, name))
        middle = y + (LINE - 6) / 2
        sign = Label(x + SWATCH / 2, middle, signs[name], FONT - 1, its.ink, "middle", True)
        boxes += [ground(sign, its.fill)] if its.hatch else []
        labels.append(sign)
        labels.append(Label(x + SWATCH + 8, middle, texts[name], FONT, INK))
    bottom = top + deep * LINE
    if len(look) > len(names):
        labels.append(Label(MARGIN, bottom + 8, f"and {len(look) - len(names):,} more", FONT, MUTED))
        bottom += LINE
    return Legend(tuple(boxes), tuple(labels), bottom)


def _of(segments: int, gpcs: int) -> str:
    return f"{segments} segment{'' if segments == 1 else 's'}, {gpcs} GPC{'' if gpcs == 1 else 's'}"


def _short(name: str) -> str:
    return shortened(name, FONT, WIDEST)
