"""How many waiting items run together: what is measured, and what an SLO leaves room for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.allocator import Point, ProfileTable
from controller.allocator.sharing.batching import LONGER, MOST, executions, extra


def _table(latencies: dict[int, float], processes: int = 1) -> ProfileTable:
    points = [Point(1, batch, processes, 1.0, latency) for batch, latency in latencies.items()]
    return ProfileTable("model", tuple(points))


def test_batches_grow_while_that_costs_little() -> None:
    """A batch between two measured ones lasts as long as the larger; 8 would leave too little of this SLO."""
    table = _table({1: 10.0, 2: 9.0, 4: 14.0, 8: 30.0})
    assert executions(table, 1, 100.0) == (10.0, 10.0, 14.0, 14.0)
    assert executions(table, 1, 300.0) == (10.0, 10.0, 14.0, 14.0, 30.0, 30.0, 30.0, 30.0)


def test_a_batch_that_takes_longer_than_its_items_is_none() -> None:
    """Three items are run as four: 42 ms are more than three times 13, however long the SLO."""
    assert executions(_table({1: 13.0, 2: 23.0, 4: 42.0, 8: 50.0}), 1, 5000.0) == (13.0, 23.0)


def test_a_service_may_ask_for_smaller_batches() -> None:
    """`max_batch` counts."""
    table = _table({1: 10.0, 2: 10.0, 4: 10.0})
    assert executions(table, 1, 100.0, most=2) == (10.0, 10.0)
    assert executions(table, 1, 100.0, most=1) == (10.0,)


def test_without_a_single_item_there_is_nothing() -> None:
    """Neither where batch 1 was not measured, nor on another size, nor with more processes."""
    assert executions(_table({2: 10.0}), 1, 100.0) == ()
    assert executions(_table({1: 10.0}), 2, 100.0) == ()
    assert executions(_table({1: 10.0}, processes=2), 1, 100.0) == ()


@given(st.dictionaries(st.sampled_from([1, 2, 3, 4, 8, 16]), st.floats(1, 200)), st.floats(1, 1000))
def test_any_table(latencies: dict[int, float], slo_ms: float) -> None:
    """Never shorter than measured, never falling, never longer than one after another, within the SLO's tenth."""
    found = executions(_table(latencies), 1, slo_ms)
    assert bool(found) == (1 in latencies)
    assert len(found) <= MOST
    assert list(found) == sorted(found)
    for items, latency in enumerate(found, start=1):
        assert latency >= latencies.get(items, 0.0)
        assert latency <= items * found[0]
        assert latency <= found[0] + LONGER * slo_ms


def test_what_an_execution_takes_with_later_items() -> None:
    """Its own latency with none, a full batch with many; what earlier items add to it is counted before."""
    assert extra((10.0,)) == (10.0,) * MOST
    assert extra((10.0, 10.0, 14.0, 14.0)) == (10.0, 10.0, 14.0, 14.0, 14.0, 14.0, 14.0, 14.0)
    assert extra((10.0, 11.0, 29.0))[:3] == (10.0, 19.0, 29.0)  # the third takes 18 more, with one earlier, one later


@given(st.dictionaries(st.sampled_from([1, 2, 4, 8]), st.floats(1, 200)), st.floats(1, 1000))
def test_extra_time_of_any_table(latencies: dict[int, float], slo_ms: float) -> None:
    """From one item's latency to a full batch's, never falling."""
    run = executions(_table(latencies), 1, slo_ms)
    if run:
        found = extra(run)
        assert list(found) == sorted(found)
        assert found[0] == pytest.approx(run[0])
        assert found[-1] == run[-1]
        assert all(found[later] >= run[min(later, len(run) - 1)] for later in range(MOST))
