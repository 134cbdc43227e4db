"""Repacking: the same items on no more segments, each within its limits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.allocator.sharing.judging import Items, Judge, Limits
from controller.allocator.sharing.repacking import repacked
from controller.allocator.sharing.waiting import Load

ROW = st.tuples(st.floats(1e-4, 0.02), st.floats(2, 25), st.floats(60, 400), st.floats(500, 3000))
LIMITS = Limits(5000.0, 1e-3)


def _items(rows: list[tuple[float, float, float, float]]) -> Items:
    rates, latencies, slacks, memory = (np.array(column) for column in zip(*rows, strict=True))
    return Items(Load(rates, latencies, np.column_stack([slacks, slacks - latencies / 4])), memory)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20))
def test_the_same_items_stand_on_no_more_segments(rows: list[tuple[float, float, float, float]]) -> None:
    """From one segment each; nobody lost, every segment holds, and the same the second time."""
    items = _items(rows)
    judge = Judge(items, LIMITS)
    alone = [[item] for item in range(len(rows)) if judge.holds([item])]
    found = repacked(items, LIMITS, alone)
    assert len(found) <= len(alone)
    assert sorted(item for segment in found for item in segment) == [item for [item] in alone]
    assert all(judge.holds(segment) for segment in found)
    assert found == repacked(items, LIMITS, alone)


def test_places_are_exchanged_where_no_item_fits_as_it_is() -> None:
    """Of 3,000 and 2,000 MB on instances of 5,000: pairs of equals leave one over, mixed ones do not."""
    items = _items([(1e-5, 5.0, 100.0 + n, 3000.0 if n % 2 else 2000.0) for n in range(6)])
    found = repacked(items, LIMITS, [[0, 2], [4], [1], [3], [5]])
    assert sorted(map(len, found)) == [2, 2, 2]


def test_little_load_is_ranked_as_certain() -> None:
    """An exponent of 0 or less means that a group holds; one item too many for memory does not."""
    items = _items([(1e-6, 5.0, 500.0, 2000.0)] * 3)
    judge = Judge(items, LIMITS)
    groups = np.array([[0, 1, judge.nobody], [0, 1, 2]])
    assert (judge.exponents(groups) <= 0).all()
    assert judge.has_memory(groups).tolist() == [True, False]
    assert [judge.holds([0, 1]), judge.holds([0, 1, 2])] == [True, False]


def test_nothing_is_tried_when_time_is_up() -> None:
    """The segments stay as they were given."""
    items = _items([(1e-6, 5.0, 500.0, 1000.0)] * 4)
    assert repacked(items, LIMITS, [[0], [1], [2], [3]], expired=lambda: True) == [[0], [1], [2], [3]]
    assert len(repacked(items, LIMITS, [[0], [1], [2], [3]])) == 1
