"""The map of GPUs as a scene: seven compute slices a GPU, the memory-only slot narrow, workloads in colour (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sliceplane.gpu_map import Block, Row, signs_of
from sliceplane.picture.legend import legend
from sliceplane.picture.palette import FAINT, INK, LINE, MUTED, PAPER, Look, looks
from sliceplane.picture.scene import Box, Label, Scene, ground, text_width
from sliceplane.picture.sizes import MARGIN, Sizes, sizes_for

MOST_GPUS = 400  # drawn; more would not be legible, and take long as PNG
TITLE, SUBTITLE = 15.0, 11.0


def map_scene(rows: Sequence[Row], title: str) -> Scene:
    """The scene of all rows, up to MOST_GPUS."""
    shown = rows[:MOST_GPUS]
    names = sorted({block.workload for row in shown for block in row.blocks})
    return _Map(shown, len(rows), looks(names), signs_of(names)).scene(title)


class _Map:
    def __init__(self, rows: Sequence[Row], gpus: int, look: Mapping[str, Look], signs: Mapping[str, str]) -> None:
        self._rows, self._gpus, self._look, self._signs = rows, gpus, look, signs
        self._sizes = sizes_for(len(rows))
        self._named = max((text_width(row.label, self._sizes.font) for row in rows), default=0.0) + 8
        wide = max((self._sizes.x(row.slots, row.compute) for row in rows), default=0.0)
        self._column = self._named + wide + MARGIN
        self._columns = max(1, min(self._sizes.columns, len(rows)))
        self._per_column = -(-len(rows) // self._columns)

    def scene(self, title: str) -> Scene:
        width = max(MARGIN + self._columns * self._column, 760.0)
        heading = list(self._heading(title, width))
        top = heading[-1].y + MARGIN
        boxes: list[Box] = []
        labels: list[Label] = heading
        for index, row in enumerate(self._rows):
            column, place = divmod(index, self._per_column)
            x = MARGIN + column * self._column + self._named
            y = top + place * (self._sizes.row + self._sizes.gap)
            labels.append(Label(x - 8, y + self._sizes.row / 2, row.label, self._sizes.font, INK, "end"))
            boxes += self._slots(row, x, y)
            for block in row.blocks:
                boxes.append(self._box(row, block, x, y))
                texts = list(self._texts(row, block, x, y))
                look = self._look[block.workload]
                boxes += [ground(one, look.fill) for one in texts if look.hatch]
                labels += texts
            if row.note:
                labels.append(Label(x + 4, y + self._sizes.row / 2, row.note, self._sizes.font, MUTED))
        below = top + self._per_column * (self._sizes.row + self._sizes.gap) + MARGIN / 2
        found = legend(self._rows, self._look, self._signs, below, width)
        return Scene(width, found.bottom + MARGIN, (*boxes, *found.boxes), (*labels, *found.labels))

    def _heading(self, title: str, width: float) -> Iterator[Label]:
        y = MARGIN
        for line in _wrapped(title, TITLE, width - 2 * MARGIN):
            yield Label(MARGIN, y, line, TITLE, INK, bold=True)
            y += TITLE * 1.4
        what = "A block: workload (or the legend's letters), size, batch × processes. Narrow slots carry memory only."
        if self._gpus > len(self._rows):
            what += f" The first {len(self._rows):,} of {self._gpus:,} GPUs."
        for line in _wrapped(what, SUBTITLE, width - 2 * MARGIN):
            yield Label(MARGIN, y, line, SUBTITLE, MUTED)
            y += SUBTITLE * 1.4

    def _slots(self, row: Row, x: float, y: float) -> Iterator[Box]:
        for slot in range(row.slots):
            left, right = (self._sizes.x(one, row.compute) for one in (slot, slot + 1))
            fill = PAPER if slot < row.compute else FAINT
            yield Box(x + left, y, right - left, self._sizes.row, fill, LINE)

    def _span(self, row: Row, block: Block, x: float) -> tuple[float, float]:
        left, right = (self._sizes.x(one, row.compute) for one in (block.start, block.start + block.slots))
        return x + left + 1, right - left - 2

    def _box(self, row: Row, block: Block, x: float, y: float) -> Box:
        left, width = self._span(row, block, x)
        look = self._look[block.workload]
        tip = (
            f"{block.workload}: {block.gpcs}g at {block.start} of {row.label}, batch {block.batch}, "
            f"{block.processes} processes, {block.throughput:.1f} items/s"
        )
        return Box(left, y + 1, width, self._sizes.row - 2, look.fill, INK, look.hatch, tip)

    def _texts(self, row: Row, block: Block, x: float, y: float) -> Iterator[Label]:
        left, width = self._span(row, block, x)
        look, font = self._look[block.workload], self._sizes.font
        lines = _lines(block, self._signs[block.workload], self._sizes, width - 4)
        middle = y + self._sizes.row / 2 - (len(lines) - 1) * font * 0.62
        for number, line in enumerate(lines):
            at = middle + number * font * 1.24
            yield Label(left + width / 2, at, line, font, look.ink, "middle", number == 0)


def _lines(block: Block, sign: str, sizes: Sizes, room: float) -> list[str]:
    """The most that fits: the name, else the legend's sign; under or beside it the size, batch and processes."""
    names = [f"{name} {block.mark}".strip() for name in (block.workload, sign)]
    runs = f"{block.batch}×{block.processes}"
    figures = (f"{block.gpcs}g {runs}", runs, "")
    if sizes.lines == 2:
        lines = [_widest(names, sizes, room), _widest(figures, sizes, room)]
        return [line for line in lines if line]
    return [_widest([f"{name} {figure}".strip() for figure in figures for name in names], sizes, room)]


def _widest(texts: Sequence[str], sizes: Sizes, room: float) -> str:
    """The first that fits, else the last."""
    return next((text for text in texts if text_width(text, sizes.font) <= room), texts[-1])


def _wrapped(text: str, size: float, room: float) -> Iterator[str]:
    """Lines of whole words."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size) > room:
            yield line
            longer = word
        line = longer
    yield line
