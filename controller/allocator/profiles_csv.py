"""Profile files: ParvaGPU's CSV (one model a file, named by it) and our own (any models), text in, tables out.

ParvaGPU's header: `Mig instance,Batch size,Workload Number,Throughput,Latency`; throughput is items/s of
*one process*, latency is seconds. Ours: `model,mig_size,batch,processes` with `segment_items_per_s` (all
processes together) or `process_items_per_s` (one), and `latency_ms`; columns in any order. In both, `0,0`
says out of memory and `N/A,N/A` not measured: no point either way.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.allocator.types import Point, ProfileTable

SIZES = (1, 2, 3, 4, 7)
MOST_PROCESSES = 48  # MPS admits so many clients to a whole GPU
MOST_BATCH = 65_536
MEASURABLE = (1e-5, 1e9)  # figures outside are slips of unit or of pen

PARVAGPU_COLUMNS = {
    "Mig instance": "mig_size",
    "Batch size": "batch",
    "Workload Number": "processes",
    "Throughput": "process_items_per_s",
    "Latency": "latency_s",
}
KEY_COLUMNS = ("mig_size", "batch", "processes")
THROUGHPUT_COLUMNS = ("segment_items_per_s", "process_items_per_s")
REQUIRED_COLUMNS = ("model", *KEY_COLUMNS, "latency_ms")
OWN_COLUMNS = ("model", *KEY_COLUMNS, *THROUGHPUT_COLUMNS, "latency_ms")
OWN_HEADER = "model,mig_size,batch,processes,segment_items_per_s,latency_ms"

_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_PROFILE_NAME = re.compile(r"([0-9])g(\.[0-9]+gb)?", re.IGNORECASE)
_PARTED = re.compile(r"[;\t|]")
_ABSENT = ("N/A", "NA")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file, where, and how to mend it; line and column count or name from 1, 0 and '' none."""

    file: str
    line: int
    column: str
    what: str

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        return f"{place}: {self.column}: {self.what}" if self.column else f"{place}: {self.what}"


@dataclass(frozen=True, slots=True)
class ProfileFiles:
    """The tables by model that the files give, everything wrong with them, and where each row stands ("file:line")."""

    tables: Mapping[str, ProfileTable]
    problems: tuple[Problem, ...]
    places: Mapping[tuple[str, int, int, int], str]  # by model, size, batch and processes


class _BadFileError(Exception):
    """Carries a Problem out of the depths; never leaves this module."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Row:
    """One data row, its cells under our column names."""

    file: str
    line: int
    model: str
    cells: Mapping[str, str]
    titles: Mapping[str, str]  # our column name → the file's own

    def refuse(self, column: str, what: str) -> _BadFileError:
        return _BadFileError(Problem(self.file, self.line, self.titles.get(column, column), what))


def parse_profile_files(files: Iterable[tuple[str, str]]) -> ProfileFiles:
    """Reads (file name, text) pairs; over all of them a point may be measured once."""
    points: dict[str, list[Point]] = {}
    seen: dict[tuple[str, int, int, int], str] = {}
    problems: list[Problem] = []
    for file, text in files:
        before = len(problems), _count(points)
        problems += _read_file(file, text, points, seen)
        if before == (len(problems), _count(points)):
            problems.append(Problem(file, 0, "", "no row holds a measurement"))
    tables = {model: ProfileTable(model, tuple(found)) for model, found in sorted(points.items())}
    return ProfileFiles(tables, tuple(problems), seen)


def _count(points: Mapping[str, list[Point]]) -> int:
    return sum(map(len, points.values()))


def _read_file(
    file: str, text: str, points: dict[str, list[Point]], seen: dict[tuple[str, int, int, int], str]
) -> list[Problem]:
    """Adds the file's points to `points` and returns what is wrong with it."""
    problems = []
    try:
        rows = _rows(file, text)
    except _BadFileError as bad:
        return [bad.problem]
    for row in rows:
        try:
            key = _key(row, seen)
            point = _point(row, key)
        except _BadFileError as bad:
            problems.append(bad.problem)
            continue
        seen[key] = f"{file}:{row.line}"
        if point:
            points.setdefault(row.model, []).append(point)
    return problems


def _rows(file: str, text: str) -> list[_Row]:
    """The data rows; blank lines are passed over."""
    lines = [
        (number, _cells(file, number, line))
        for number, line in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), 1)
        if line.strip()
    ]
    if not lines:
        raise _BadFileError(Problem(file, 0, "", f"the file is empty; begin with a header such as {OWN_HEADER}"))
    (header_line, header), *data = lines
    columns = _columns(file, header_line, header)
    titles = dict(zip(columns, header, strict=True))
    rows = []
    for number, cells in data:
        if len(cells) != len(columns):
            what = f"has {len(cells)} cells, and the header {len(columns)}"
            raise _BadFileError(Problem(file, number, "", what))
        by_column = dict(zip(columns, cells, strict=True))
        rows.append(_Row(file, number, by_column.get("model", _stem(file)), by_column, titles))
    return rows


def _cells(file: str, number: int, line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True))]
    except csv.Error as error:
        raise _BadFileError(Problem(file, number, "", f"is no CSV: {error}")) from None


def _columns(file: str, number: int, header: list[str]) -> list[str]:
    """The header in our column names. Raises _BadFileError on any but the two known headers."""
    if set(header) == set(PARVAGPU_COLUMNS) and len(header) == len(PARVAGPU_COLUMNS):
        return [PARVAGPU_COLUMNS[title] for title in header]
    _refuse_no_header(file, number, header)
    repeated = next((title for title in header if header.count(title) > 1), None)
    unknown = next((title for title in header if title not in OWN_COLUMNS), None)
    if repeated is not None:
        raise _BadFileError(Problem(file, number, repeated, "stands twice in the header"))
    if unknown is not None:
        what = f"unknown column; a header is {OWN_HEADER} or {','.join(PARVAGPU_COLUMNS)}"
        raise _BadFileError(Problem(file, number, unknown or "(empty)", what))
    missing = next((title for title in REQUIRED_COLUMNS if title not in header), None)
    if missing:
        raise _BadFileError(Problem(file, number, missing, f"missing from the header; ours is {OWN_HEADER}"))
    if len(set(header) & set(THROUGHPUT_COLUMNS)) != 1:
        what = f"give one of {' and '.join(THROUGHPUT_COLUMNS)}"
        raise _BadFileError(Problem(file, number, "throughput", what))
    return header


def _refuse_no_header(file: str, number: int, header: list[str]) -> None:
    """Raises _BadFileError where the first line is data, or its cells are parted by something else than commas."""
    if any(_DECIMAL.fullmatch(title) for title in header):
        what = f"is no header but data; begin with a header such as {OWN_HEADER}"
        raise _BadFileError(Problem(file, number, "", what))
    if len(header) == 1 and (parted := _PARTED.search(header[0])):
        by = "tabs" if parted[0] == "\t" else repr(parted[0])
        raise _BadFileError(Problem(file, number, "", f"cells are parted by {by}; write commas between them"))


def _key(row: _Row, seen: Mapping[tuple[str, int, int, int], str]) -> tuple[str, int, int, int]:
    """The model and the triplet that the row measures."""
    if not row.model:
        raise row.refuse("model", "is empty")
    if named := _PROFILE_NAME.fullmatch(row.cells["mig_size"]):
        raise row.refuse("mig_size", f"write the GPCs alone: {named[1]} for {named[0]}")
    size = _whole(row, "mig_size", max(SIZES))
    if size not in SIZES:
        raise row.refuse("mig_size", f"no GPU has a size of {size} GPCs; sizes are 1, 2, 3, 4 and 7")
    key = (row.model, size, _whole(row, "batch", MOST_BATCH), _whole(row, "processes", MOST_PROCESSES))
    if key in seen:
        what = f"{size}g, batch {key[2]}, processes {key[3]} was measured before, at {seen[key]}; keep one"
        raise row.refuse("mig_size", what)
    return key


def _point(row: _Row, key: tuple[str, int, int, int]) -> Point | None:
    """The measurement, or None where the row says out of memory or not measured."""
    _, size, batch, processes = key
    throughput_column = next(name for name in THROUGHPUT_COLUMNS if name in row.cells)
    latency_column = "latency_s" if "latency_s" in row.cells else "latency_ms"
    throughput, latency = _figure(row, throughput_column), _figure(row, latency_column)
    if throughput is None and latency is None:
        return None
    if throughput is None or latency is None:
        column = throughput_column if throughput is None else latency_column
        raise row.refuse(column, "is 0 or N/A, but the other figure is not; give both or neither")
    return Point(
        size=size,
        batch=batch,
        processes=processes,
        throughput=round(throughput * (processes if throughput_column == "process_items_per_s" else 1), 6),
        latency_ms=round(latency * (1000 if latency_column == "latency_s" else 1), 6),
    )


def _whole(row: _Row, column: str, most: int) -> int:
    cell = row.cells[column]
    if not cell:
        raise row.refuse(column, "is empty")
    if not _WHOLE.fullmatch(cell) or not 1 <= int(cell) <= most:
        raise row.refuse(column, f"must be a whole number from 1 to {most}, got {cell!r}")
    return int(cell)


def _figure(row: _Row, column: str) -> float | None:
    """The figure, or None for 0 and N/A."""
    cell = row.cells[column]
    if cell.upper() in _ABSENT:
        return None
    if not cell:
        raise row.refuse(column, "is empty; write N/A for a point that was not measured, 0 for out of memory")
    if not _DECIMAL.fullmatch(cell):
        raise row.refuse(column, f"must be a plain number such as 12.5, no unit, no thousands' marks; got {cell!r}")
    value = float(cell)
    if value < 0:
        raise row.refuse(column, f"must not be negative, got {cell}")
    if value and not MEASURABLE[0] <= value <= MEASURABLE[1]:
        raise row.refuse(column, f"must be from {MEASURABLE[0]:g} to {MEASURABLE[1]:g}, got {cell}: check the unit")
    return value or None


def _stem(file: str) -> str:
    """The file's name without folder and ending: ParvaGPU names the model so."""
    name = re.split(r"[/\\]", file)[-1]
    return name[:-4] if name.lower().endswith(".csv") else name
