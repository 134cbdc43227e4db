"""Measurements that can hardly be so: figures that contradict each other, or rows that run against their neighbours.

Three signs. Units: a process answers one batch after the other, so its throughput times a batch's latency is the
batch; where that is off by a large factor, one of the two is most likely in another unit. Latency: a larger batch, or
one more process beside it, makes no batch faster. Throughput: a larger instance serves no less. Findings are warnings:
a planner uses the points as they stand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from controller.allocator.types import Point, ProfileTable

FACTOR = 5.0  # measured tables stay within 1.4; a closed loop of a few clients within this
TOLERANCE = 0.1  # by which a neighbour may run the wrong way: measurements scatter
SLIPS = ((1000.0, "seconds where milliseconds belong"), (1 / 1000, "milliseconds where seconds belong"))

Key = Callable[[Point], Any]


@dataclass(frozen=True, slots=True)
class Implausible:
    """A point and what is hard to believe about it, with the figures."""

    point: Point
    what: str


def implausible(table: ProfileTable) -> list[Implausible]:
    """The table's findings, by size, batch and processes; a point may have several."""
    points = table.points
    found = [
        *filter(None, map(_units, points)),
        *_falls(points, "batch", lambda p: (p.size, p.processes), lambda p: p.batch, _latency),
        *_falls(points, "processes", lambda p: (p.size, p.batch), lambda p: p.processes, _latency),
        *_falls(points, "size", lambda p: (p.batch, p.processes), lambda p: p.size, _throughput),
    ]
    return sorted(found, key=lambda one: (one.point.size, one.point.batch, one.point.processes))


def _units(point: Point) -> Implausible | None:
    each = point.throughput / point.processes
    could = point.batch * 1000 / point.latency_ms
    off = could / each
    if 1 / FACTOR <= off <= FACTOR:
        return None
    slip = next((f": {said}?" for factor, said in SLIPS if 1 / FACTOR < off / factor < FACTOR), "")
    what = (
        f"batches of {point.batch} that take {point.latency_ms:g} ms make {could:g} items/s for a process, "
        f"and {each:g} is {_times(off)}{slip or ': check the units of both figures'}"
    )
    return Implausible(point, what)


def _times(off: float) -> str:
    return f"{off:,.0f} times less" if off > 1 else f"{1 / off:,.0f} times more"


def _latency(before: Point, after: Point) -> str:
    if after.latency_ms >= before.latency_ms * (1 - TOLERANCE):
        return ""
    return f"latency falls from {before.latency_ms:g} to {after.latency_ms:g} ms"


def _throughput(before: Point, after: Point) -> str:
    if after.throughput >= before.throughput * (1 - TOLERANCE):
        return ""
    return f"throughput falls from {before.throughput:g} to {after.throughput:g} items/s"


def _falls(
    points: Sequence[Point], axis: str, alike: Key, along: Key, wrong: Callable[[Point, Point], str]
) -> Iterator[Implausible]:
    """Findings between neighbours along one axis, all else equal."""
    lines: dict[Any, list[Point]] = {}
    for point in points:
        lines.setdefault(alike(point), []).append(point)
    for line in lines.values():
        for before, after in pairwise(sorted(line, key=along)):
            what = wrong(before, after)
            if what:
                yield Implausible(after, f"{what} where {axis} grows from {along(before)} to {along(after)}")
