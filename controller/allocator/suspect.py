"""Measurements that look wrong: a process that died while its neighbours were measured, counted as running.

Two signs. A copy: throughput per process and latency equal those of one process fewer, so the last process
added nothing to wait for. A jump: throughput rises steeply, by a process or a doubled batch, where the step
before it had shown a plateau. Both make a segment look faster than it is, and a plan would lean on it.
"""

import csv
import io
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from controller.allocator.profiles_csv import Problem
from controller.allocator.types import Point, ProfileTable

SAME = 1e-6  # relative; files carry throughput to three decimals
PLATEAU = 1.125  # a step that raises throughput by less than this, times
PROCESS_JUMP, BATCH_JUMP = 1.2, 1.4  # a step after it that raises it by at least this
COLUMNS = ("model", "mig_size", "batch", "processes")

Triplet = tuple[int, int, int]  # size, batch, processes
Key = tuple[str, int, int, int]  # model and triplet


class Sign(Enum):
    """What looks wrong about a point."""

    COPY = "COPY"
    PROCESS_JUMP = "PROCESS_JUMP"
    BATCH_JUMP = "BATCH_JUMP"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A point, the sign that it shows, and a sentence with the figures."""

    point: Point
    kind: Sign
    why: str


def detect(table: ProfileTable) -> list[Suspect]:
    """The table's suspect points, in its order; of several signs a point shows the first."""
    by_triplet = {(p.size, p.batch, p.processes): p for p in table.points}
    return [found for point in table.points if (found := next(_signs(point, by_triplet), None))]


def drop(table: ProfileTable, suspects: Iterable[Suspect]) -> ProfileTable:
    """The table without the suspects' points."""
    gone = {suspect.point for suspect in suspects}
    return ProfileTable(table.model, tuple(point for point in table.points if point not in gone))


def drop_keys(tables: Mapping[str, ProfileTable], keys: Collection[Key]) -> dict[str, ProfileTable]:
    """The tables, by model, without exactly these points."""
    return {
        model: ProfileTable(model, tuple(p for p in table.points if (model, p.size, p.batch, p.processes) not in keys))
        for model, table in tables.items()
    }


def parse_keys(file: str, text: str) -> tuple[list[Key], list[Problem]]:
    """Points named by a CSV with the columns model, mig_size, batch and processes; others are passed over."""
    try:
        return _read_keys(file, csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        return [], [Problem(file, 0, "", f"is no CSV: {error}")]


def _read_keys(file: str, rows: "csv.DictReader[str]") -> tuple[list[Key], list[Problem]]:
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        return [], [Problem(file, 1, missing[0], f"missing from the header, which needs {','.join(COLUMNS)}")]
    keys: list[Key] = []
    problems = []
    for row in rows:
        bad = next((column for column in COLUMNS[1:] if not _is_count(row[column])), None)
        if bad or not row["model"]:
            column = bad or "model"
            what = f"must be a whole number above 0, got {row[column]!r}" if bad else "is empty"
            problems.append(Problem(file, rows.line_num, column, what))
        else:
            size, batch, processes = (int(row[column]) for column in COLUMNS[1:])
            keys.append((row["model"].strip(), size, batch, processes))
    return keys, problems


def _is_count(cell: str | None) -> bool:
    stripped = (cell or "").strip()
    return stripped.isascii() and stripped.isdigit() and 0 < len(stripped) < 10 and int(stripped) > 0


def _signs(point: Point, by_triplet: Mapping[Triplet, Point]) -> Iterator[Suspect]:
    fewer = by_triplet.get((point.size, point.batch, point.processes - 1))
    if fewer and _is_copy(point, fewer):
        yield Suspect(
            point,
            Sign.COPY,
            f"throughput per process ({point.throughput / point.processes:.3f}) and latency ({point.latency_ms:g} ms) "
            f"equal those of {fewer.processes} process{'es' if fewer.processes > 1 else ''}",
        )
    before = by_triplet.get((point.size, point.batch, point.processes - 2))
    if fewer and before and _jumps(before, fewer, point, PROCESS_JUMP):
        yield Suspect(point, Sign.PROCESS_JUMP, _jump(before, fewer, point, "processes"))
    smaller = by_triplet.get((point.size, point.batch // 2, point.processes))
    smallest = by_triplet.get((point.size, point.batch // 4, point.processes))
    if point.batch % 4 == 0 and smaller and smallest and _jumps(smallest, smaller, point, BATCH_JUMP):
        yield Suspect(point, Sign.BATCH_JUMP, _jump(smallest, smaller, point, "batch"))


def _is_copy(point: Point, fewer: Point) -> bool:
    each, each_fewer = point.throughput / point.processes, fewer.throughput / fewer.processes
    return math.isclose(each, each_fewer, rel_tol=SAME) and math.isclose(
        point.latency_ms, fewer.latency_ms, rel_tol=SAME
    )


def _jumps(first: Point, second: Point, third: Point, least: float) -> bool:
    return second.throughput < PLATEAU * first.throughput and third.throughput >= least * second.throughput


def _jump(first: Point, second: Point, third: Point, step: str) -> str:
    def at(point: Point) -> str:
        return f"{point.throughput:.0f} at {step} {point.processes if step == 'processes' else point.batch}"

    return f"throughput jumps after a plateau: {at(first)}, {at(second)}, {at(third)}"
