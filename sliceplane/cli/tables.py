"""Aligned tables whose rows may come one by one, and the formats of single cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from rich.cells import cell_len
from rich.text import Text

from sliceplane.cli.session import console

T = TypeVar("T")
GAP = "  "
GOOD, BAD, MIDDLING = "green", "red", "yellow"
STYLES = {
    "ready": GOOD,
    "yes": GOOD,
    "failed": BAD,
    "no": BAD,
    "warning": MIDDLING,
    "creating": MIDDLING,
    "planned": MIDDLING,
    "draining": MIDDLING,
    "removing": MIDDLING,
    "create": GOOD,
    "remove": BAD,
}


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column: its header, how to read its cell, whether only `-o wide` shows it, and its side."""

    header: str
    cell: Callable[[T], str]
    wide: bool = False
    right: bool = False


@dataclass(slots=True)
class Table(Generic[T]):
    """Prints rows under one header; later rows keep the widths of the first ones, or grow them."""

    columns: Sequence[Column[T]]
    indent: str = ""
    _widths: list[int] = field(default_factory=list)

    def show(self, rows: Iterable[T]) -> None:
        """Prints the rows, with the header the first time."""
        cells = [[column.cell(row) for column in self.columns] for row in rows]
        lines = cells if self._widths else [[column.header for column in self.columns], *cells]
        started = bool(self._widths)
        self._widths = [
            max([*map(cell_len, column), width])
            for column, width in zip(zip(*lines, strict=True), self._widths or [0] * len(self.columns), strict=True)
        ]
        out = console()
        for number, line in enumerate(lines):
            out.print(self._line(line, header=not started and number == 0))

    def _line(self, cells: Sequence[str], *, header: bool) -> Text:
        text = Text(self.indent)
        for column, cell, width in zip(self.columns, cells, self._widths, strict=True):
            pad = " " * (width - cell_len(cell))
            style = "bold" if header else STYLES.get(cell, "")
            text.append(pad if column.right else "").append(cell, style=style)
            text.append("" if column.right else pad).append(GAP)
        text.rstrip()
        return text


def show_table(columns: Sequence[Column[T]], rows: Iterable[T], *, indent: str = "") -> None:
    """Prints a table once."""
    Table(columns, indent).show(rows)


def number(value: float) -> str:
    """At most two decimals, none that say nothing: "1200", "0.45"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def tenths(value: float) -> str:
    """One decimal always, so that a column's points stand under each other."""
    return f"{value:.1f}"


def size(count: int) -> str:
    """Bytes, for people: "12.3 MiB"."""
    value, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while value >= 1023.95 and unit != "TiB":
        value, unit = value / 1024, next(units)
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def age(when: datetime | None) -> str:
    """How long ago: "5s", "3m", "2h", "4d"; "-" if never."""
    if when is None:
        return "-"
    seconds = max(0, int((datetime.now(UTC) - when).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def clock(when: datetime | None) -> str:
    """Local date and time to the second; "-" if never."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else "-"


def yes(value: bool | None) -> str:
    """ "yes", "no" or "unknown"."""
    return {True: "yes", False: "no"}.get(value, "unknown") if value is not None else "unknown"


def short(digest: str) -> str:
    """The first 12 digits of a digest; "-" for none."""
    return digest.removeprefix("sha256:")[:12] or "-"


def dash(value: Any) -> str:
    """The value as text; "-" for nothing."""
    return str(value) if value not in ("", None) else "-"
