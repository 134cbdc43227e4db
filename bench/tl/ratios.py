"""What the curves say: the fewest bytes within an accuracy budget, and against JPEG at equal accuracy; pure."""

from __future__ import annotations

from collections.abc import Sequence

from bench.tl.task import Point

BUDGET = 0.005
"""The accuracy that may be lost: half a point."""


def least(points: Sequence[Point], way: str, accuracy: float) -> Point | None:
    """The point of a way with the fewest bytes that is at least so accurate."""
    found = [p for p in points if p.way == way and p.accuracy >= accuracy]
    return min(found, key=lambda p: p.bytes, default=None)


def of(points: Sequence[Point], way: str) -> list[Point]:
    """The points of a way, most bytes first."""
    return sorted((p for p in points if p.way == way), key=lambda p: -p.bytes)


def best(points: Sequence[Point], way: str) -> list[Point]:
    """Those of a way that are more accurate than all of it with fewer bytes, fewest bytes first."""
    found: list[Point] = []
    for point in reversed(of(points, way)):
        if not found or point.accuracy > found[-1].accuracy:
            found.append(point)
    return found
