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
    Point("paper's TL, our codec", "rans-4", 1600, 0.918),
    Point("paper's TL, our codec", "rans-3", 1280, 0.912),
    Point("paper's TL, our codec", "zstd-3", 1300, 0.912),
    Point("ours, untrained", "rans-4", 3200, 0.918),
    Point("ours, untrained", "rans-2", 1600, 0.916),
    Point("ours, trained", "rans-2", 100, 0.90),
]
UNTRAINED = [point for point in POINTS if point.way == "ours, untrained"]


def test_the_fewest_bytes_that_are_accurate_enough() -> None:
    """A cheaper point that is not accurate enough does not count; none is told apart."""
    assert least(POINTS, "ours, untrained", 0.915) == UNTRAINED[1]
    assert least(POINTS, "ours, untrained", 0.917) == UNTRAINED[0]
    assert least(POINTS, "ours, trained", 0.915) is None


def test_the_line_leaves_out_what_is_beaten() -> None:
    """A point with more bytes and no more accuracy than another of its way is not on the line."""
    beaten = Point("ours, untrained", "rans-3", 2000, 0.915)
    assert best([*POINTS, beaten], "ours, untrained") == [UNTRAINED[1], UNTRAINED[0]]


def test_the_report_prints_ratios_as_computed() -> None:
    """The ratio to the paper's layer stands beside what is wanted; a way that never makes it says none."""
    page = text({"t": ("about", POINTS)})
    assert "| ours, untrained | 1,600 | rans-2 | 0.40 | 1/8.0 | ≤ 1/8 | 700 bytes |" in page
    assert "| ours, trained | none |" in page


def test_the_report_tells_what_the_codec_costs_behind_the_papers_layer() -> None:
    """Bytes and points lost at 8 values an element, and a row of its own; nothing where it was not measured."""
    page = text({"t": ("about", POINTS)})
    assert "its tail not trained for that: 1,300 bytes and 0.80 points at zstd-3, 1,280 bytes and 0.80" in page
    assert "| paper's TL, our codec | 1,600 | rans-4 | 0.20 | 1/8.0 |  | 700 bytes |" in page
    assert "8 values" not in text({"t": ("about", [one for one in POINTS if "codec" not in one.way])})
