"""How requests are joined into one run and split again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.triton.backends.onnxruntime.batches import Feed, groups, run_together


def _feed(rows: int, columns: int = 2, first: float = 0.0) -> Feed:
    return {"x": first + np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)}


def _double(feed: Feed) -> list[Any]:
    return [2 * feed["x"], feed["x"].sum(axis=1)]


def test_groups_by_all_but_the_batch_axis() -> None:
    """Requests of equal types and shapes but for axis 0 form a group; others stay apart."""
    feeds = [_feed(1), _feed(3), _feed(1, columns=5), {"x": np.zeros((1, 2), np.int64)}, _feed(2)]
    assert groups(feeds, batches=True) == [[0, 1, 4], [2], [3]]


def test_no_groups_without_batching() -> None:
    """Without batching each request runs alone."""
    assert groups([_feed(1), _feed(1)], batches=False) == [[0], [1]]


@given(rows=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_each_gets_its_own_rows(rows: list[int]) -> None:
    """Joined or alone, each request gets what a run of its own would give, in one run for all."""
    feeds = [_feed(count, first=10.0 * index) for index, count in enumerate(rows)]
    calls: list[int] = []

    def run(feed: Feed) -> list[Any]:
        calls.append(len(feed["x"]))
        return _double(feed)

    for feed, values in zip(feeds, run_together(feeds, None, run), strict=True):
        for value, expected in zip(values, _double(feed), strict=True):
            assert np.array_equal(value, expected)
    assert calls == [sum(rows)]


@given(rows=st.lists(st.integers(1, 3), min_size=1, max_size=4), fixed=st.integers(1, 3))
def test_a_static_batch_axis(rows: list[int], fixed: int) -> None:
    """A model of a static batch axis runs in parts of exactly that many rows."""
    rows = [count * fixed for count in rows]
    feeds = [_feed(count) for count in rows]
    calls: list[int] = []

    def run(feed: Feed) -> list[Any]:
        calls.append(len(feed["x"]))
        return _double(feed)

    answers = run_together(feeds, fixed, run)
    assert calls == [fixed] * (sum(rows) // fixed)
    assert all(np.array_equal(v[0], 2 * f["x"]) for f, v in zip(feeds, answers, strict=True))


def test_rows_that_do_not_divide() -> None:
    """Rows that are no multiple of the static batch axis are refused, with both numbers."""
    with pytest.raises(ValueError, match="batches of 2 rows, not 3"):
        run_together([_feed(1), _feed(2)], 2, _double)


def test_outputs_without_a_batch_axis() -> None:
    """Outputs that cannot be split are refused for a batch, and pass for a request alone."""

    def total(feed: Feed) -> list[Any]:
        return [feed["x"].sum()]

    with pytest.raises(ValueError, match="max_batch_size 0"):
        run_together([_feed(1), _feed(1)], None, total)
    assert run_together([_feed(1)], None, total) == [[1.0]]
