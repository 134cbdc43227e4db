"""Draws GPUs as rows of slices, each workload with a letter and a colour; legible without the colour (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Distinct at the usual eight bits and on dark and light grounds alike, as the text on them is black.
COLOURS = (114, 75, 215, 176, 80, 222, 203, 147, 150, 209, 117, 183, 186, 174, 109, 180)
WIDE, NARROW = (9, 8, 7, 6, 5, 4, 3), (2, 1)  # cells a slot: as many as fit
MANY = 16  # more GPUs than this are drawn narrow, several a line


@dataclass(frozen=True, slots=True)
class Block:
    """An instance on a GPU; `mark` is one character on its state: "" nothing to say, "+" new, "!" failed, ..."""

    workload: str
    start: int
    slots: int  # memory slices
    gpcs: int
    batch: int
    processes: int
    throughput: float
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A GPU: a label, its memory slices and what stands on them; `note` says why nothing can."""

    label: str
    slots: int
    compute: int  # GPCs: slots from this one on carry memory only
    blocks: tuple[Block, ...]
    note: str = ""


MARKS = {"+": "being created", "!": "failed", "~": "draining or being removed"}


def draw(rows: Sequence[Row], *, width: int) -> Iterator[Text]:
    """The lines of the map and its legend, at most `width` cells where the labels leave room."""
    if not rows:
        yield Text("no GPUs")
        return
    signs = signs_of(block.workload for row in rows for block in row.blocks)
    label = max(cell_len(row.label) for row in rows)
    slots = max(row.slots for row in rows)
    cell = _cell(len(rows), slots, width - label - 4)
    if cell in WIDE:
        yield from _wide(rows, signs, label, cell, slots)
    else:
        yield from _narrow(rows, signs, label, max(cell, max(map(len, signs.values()), default=1)), width)
    yield from _notes(rows)
    yield from _legend(rows, signs, cell in NARROW)


def signs_of(workloads: Iterable[str]) -> dict[str, str]:
    """A sign for each workload, in order of name: letters, or as many letters as it takes for all."""
    names = sorted(set(workloads))
    length = 1
    while len(LETTERS) ** length < len(names):
        length += 1
    return {name: _sign(index, length) for index, name in enumerate(names)}


def _sign(index: int, length: int) -> str:
    out = ""
    for _ in range(length):
        index, digit = divmod(index, len(LETTERS))
        out = LETTERS[digit] + out
    return out


def _cell(gpus: int, slots: int, room: int) -> int:
    if gpus <= MANY:
        for cell in WIDE:
            if slots * cell <= room:
                return cell
    return NARROW[1] if gpus > MANY else NARROW[0]


def _wide(rows: Sequence[Row], signs: Mapping[str, str], label: int, cell: int, slots: int) -> Iterator[Text]:
    compute = max(row.compute for row in rows)
    heads = [(f"{slot}" if slot < compute else "mem").center(cell) for slot in range(slots)]
    yield Text(" " * (label + 2) + "".join(heads).rstrip(), style="dim")
    for row in rows:
        line = Text().append(row.label.ljust(label + 2), style="bold")
        for block, slots_free in _filled(row):
            if block is None:
                line.append("".join("·".center(cell) for _ in range(slots_free)), style="dim")
            else:
                line.append(_boxed(block, signs[block.workload], cell), style=_style(signs[block.workload]))
        used = sum(block.gpcs for block in row.blocks)
        line.append(f"  {used}/{row.compute}", style="dim")
        yield line


def _boxed(block: Block, sign: str, cell: int) -> str:
    """ "[A+ 2g 16×3    ]": as much as the span has room for."""
    room = block.slots * cell - 2
    size, load = f"{block.gpcs}g", f"{block.batch}×{block.processes}"
    for words in ((sign + block.mark, size, load), (sign + block.mark, size), (sign + block.mark,), (sign,)):
        text = " ".join(words)
        if cell_len(text) <= room:
            break
    return f"[{text[:room].ljust(room)}]"


def _narrow(rows: Sequence[Row], signs: Mapping[str, str], label: int, cell: int, width: int) -> Iterator[Text]:
    """Several GPUs a line, each "|A2B3-- |": sign, size where it spans more than a slot, dashes."""
    span = label + 3 + max(row.slots for row in rows) * cell
    across = max(1, (width + 2) // (span + 2))
    for first in range(0, len(rows), across):
        line = Text()
        for row in rows[first : first + across]:
            line.append(("  " if line.plain else "") + row.label.ljust(label) + " |")
            for block, slots_free in _filled(row):
                if block is None:
                    line.append("·".ljust(cell) * slots_free, style="dim")
                else:
                    sign = signs[block.workload]
                    line.append(_dashed(block, sign, cell), style=_style(signs[block.workload]))
            line.append("|")
        yield line


def _dashed(block: Block, sign: str, cell: int) -> str:
    room = block.slots * cell
    text = sign + (str(block.gpcs) if block.slots > 1 else "")
    text += block.mark if len(text) + len(block.mark) <= room else ""
    return text[:room].ljust(room, "-") if block.slots > 1 else text[:room].ljust(room)


def _filled(row: Row) -> Iterator[tuple[Block | None, int]]:
    """Blocks and runs of free slots, from slot 0 on; an overlapping block is drawn where it still shows."""
    at = 0
    for block in sorted(row.blocks, key=lambda one: one.start):
        if block.start < at:
            continue
        if block.start > at:
            yield None, block.start - at
        yield block, block.slots
        at = block.start + block.slots
    if at < row.slots:
        yield None, row.slots - at


def _style(sign: str) -> Style:
    index = 0
    for letter in sign:
        index = index * len(LETTERS) + LETTERS.index(letter)
    return Style(color="black", bgcolor=f"color({COLOURS[index % len(COLOURS)]})")


def _notes(rows: Sequence[Row]) -> Iterator[Text]:
    for row in rows:
        if row.note:
            yield Text(f"{row.label}: {row.note}", style="yellow")


def _legend(rows: Sequence[Row], signs: Mapping[str, str], narrow: bool) -> Iterator[Text]:
    blocks: dict[str, list[Block]] = {}
    for row in rows:
        for block in row.blocks:
            blocks.setdefault(block.workload, []).append(block)
    if blocks:
        yield Text()
    longest = max(map(cell_len, blocks), default=0)
    for name in sorted(blocks):
        its = blocks[name]
        line = Text()
        line.append(f" {signs[name]} ", style=_style(signs[name]))
        segments, gpcs = _counted(len(its), "segment"), _counted(sum(block.gpcs for block in its), "GPC")
        line.append(f" {name.ljust(longest)}  {segments}, {gpcs}")
        line.append(f", {sum(b.throughput for b in its):,.1f} items/s")
        yield line
    yield from _key(rows, narrow)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _key(rows: Sequence[Row], narrow: bool) -> Iterator[Text]:
    seen = {block.mark for row in rows for block in row.blocks} & MARKS.keys()
    how = "sign, size in GPCs (1g: no digit)" if narrow else "[sign size batch×processes], free ·, right: GPCs used"
    words = [how, *(f"{mark} {MARKS[mark]}" for mark in sorted(seen))]
    yield Text("; ".join(words), style="dim")
