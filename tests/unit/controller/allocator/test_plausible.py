"""Implausible measurements: units that contradict each other, and rows that run against their neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.allocator import Point, ProfileTable
from controller.allocator.plausible import TOLERANCE, implausible
from tests.parvagpu_data import measured_tables


def _said(*points: Point) -> list[str]:
    return [one.what for one in implausible(ProfileTable("net", points))]


@given(
    st.sampled_from([1, 2, 3, 4, 7]), st.integers(1, 256), st.integers(1, 5), st.floats(0.1, 1e4), st.floats(0.25, 4)
)
def test_figures_that_agree_are_not_doubted(
    size: int, batch: int, processes: int, latency_ms: float, clients: float
) -> None:
    """A closed loop of up to four clients, or pauses as long as three batches, are no slip of units."""
    throughput = clients * processes * batch * 1000 / latency_ms
    assert _said(Point(size, batch, processes, throughput, latency_ms)) == []


@pytest.mark.parametrize(
    ("latency_ms", "said"),
    [
        (0.02, "400000 items/s for a process, and 400 is 1,000 times less: seconds where milliseconds belong?"),
        (20_000, "0.4 items/s for a process, and 400 is 1,000 times more: milliseconds where seconds belong?"),
        (400, "20 items/s for a process, and 400 is 20 times more: check the units of both figures"),
    ],
)
def test_slips_of_units_are_named(latency_ms: float, said: str) -> None:
    """400 items/s in batches of 8 take 20 ms."""
    (what,) = _said(Point(1, 8, 1, 400, latency_ms))
    assert what == f"batches of 8 that take {latency_ms:g} ms make {said}"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (Point(2, 16, 2, 900, 17), "latency falls from 20 to 17 ms where batch grows from 8 to 16"),
        (Point(2, 8, 3, 900, 17), "latency falls from 20 to 17 ms where processes grows from 2 to 3"),
        (Point(7, 8, 2, 700, 20), "throughput falls from 800 to 700 items/s where size grows from 2 to 7"),
    ],
)
def test_rows_against_their_neighbours_are_named(after: Point, said: str) -> None:
    """The nearest measured neighbour counts, gaps included, whatever the rows' order."""
    before = Point(2, 8, 2, 800, 20)
    assert _said(before, after) == _said(after, before) == [said]


@given(st.floats(0, TOLERANCE * 0.999))
def test_scatter_is_no_finding(by: float) -> None:
    """Up to the tolerance."""
    first = Point(2, 8, 2, 800, 20)
    for other in (Point(2, 16, 2, 1600, 20 * (1 - by)), Point(3, 8, 2, 800 * (1 - by), 20)):
        assert _said(first, other) == []


def test_the_measured_tables() -> None:
    """The published A100 tables: no slip of units; batches of 1 of inceptionv3 that took longer than batches of 2."""
    found = {model: implausible(table) for model, table in measured_tables().items()}
    assert {model: len(of) for model, of in found.items() if of} == {"inceptionv3": 13}
    assert not any("items/s for a process" in one.what for one in found["inceptionv3"])
