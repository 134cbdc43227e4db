"""The fewest bytes within a budget, and the rows of the report that come from it."""

import pytest

pytest.importorskip("torch", reason="bench/tl trains: pip install 'sliceplane[train]'")

from bench.tl.ratios import best, least
from bench.tl.report import text
from bench.tl.task import Point

POINTS = [
    Point("raw uint8", "", 784, 0.92),
    Point("JPEG", "95", 700, 0.92),
    Point("JPEG", "5", 350, 0.80),
    Point("paper's TL", "raw", 12800, 0.921),
    Point("ours, untrained", "rans-4", 3200, 0.918),
    Point("ours, untrained", "rans-2", 1600, 0.916),
    Point("ours, trained", "rans-2", 100, 0.90),
]


def test_the_fewest_bytes_that_are_accurate_enough() -> None:
    """A cheaper point that is not accurate enough does not count; none is told apart."""
    assert least(POINTS, "ours, untrained", 0.915) == POINTS[5]
    assert least(POINTS, "ours, untrained", 0.917) == POINTS[4]
    assert least(POINTS, "ours, trained", 0.915) is None


def test_the_line_leaves_out_what_is_beaten() -> None:
    """A point with more bytes and no more accuracy than another of its way is not on the line."""
    beaten = Point("ours, untrained", "rans-3", 2000, 0.915)
    assert best([*POINTS, beaten], "ours, untrained") == [POINTS[5], POINTS[4]]


def test_the_report_prints_ratios_as_computed() -> None:
    """The ratio to the paper's layer stands beside what is wanted; a way that never makes it says none."""
    page = text({"t": ("about", POINTS)})
    assert "| ours, untrained | 1,600 | rans-2 | 0.40 | 1/8.0 | ≤ 1/8 | 700 bytes |" in page
    assert "| ours, trained | none |" in page
