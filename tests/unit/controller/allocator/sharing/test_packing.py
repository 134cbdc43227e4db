"""Packing: what any segment must hold, whatever the items."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.allocator.sharing.judging import Items, Limits, thetas_for
from controller.allocator.sharing.packing import pack
from controller.allocator.sharing.waiting import Load, holds

ROW = st.tuples(st.floats(1e-4, 0.03), st.floats(2, 25), st.floats(-5, 400), st.floats(200, 6000))


def _items(rows: list[tuple[float, float, float, float]]) -> Items:
    rates, latencies, slacks, memory = (np.array(column) for column in zip(*rows, strict=True))
    return Items(Load(rates, latencies, np.column_stack([slacks, slacks - latencies / 4])), memory)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=25))
def test_every_segment_holds(rows: list[tuple[float, float, float, float]]) -> None:
    """Each item once at most, memory within the instance, waits within bounds; no item left that could stand."""
    items = _items(rows)
    load, thetas = items.load, thetas_for(items.load)
    found = pack(items, Limits(5000.0, 1e-3))

    def stands(members: list[int]) -> bool:
        return bool(items.memory[members].sum() <= 5000.0) and holds(load.of(members), thetas, 1e-3)

    placed = [item for members in found for item in members]
    assert len(placed) == len(set(placed))
    assert all(stands(members) for members in found)
    assert not any(stands([item]) for item in set(range(len(rows))) - set(placed))
    assert found == pack(items, Limits(5000.0, 1e-3))


def test_memory_limits_what_time_does_not() -> None:
    """Ten idle services of 2,000 MB each: four on an instance of 9,000."""
    items = _items([(1e-6, 5.0, 500.0, 2000.0)] * 10)
    assert sorted(map(len, pack(items, Limits(9000.0, 1e-4)))) == [2, 4, 4]
