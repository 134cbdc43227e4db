"""The checker of the chaos run catches what it is there for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.chaos_edge.check import check

SENT = {"a": ["1", "2", "3"], "b": ["1", "2"]}
GOOD = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("a", "3")]


def test_good_results_pass() -> None:
    """Sources may interleave."""
    assert check(SENT, GOOD).kept


@given(st.integers(0, 4))
def test_a_dropped_result_is_caught(at: int) -> None:
    """And named."""
    verdict = check(SENT, GOOD[:at] + GOOD[at + 1 :])
    assert verdict.lost == ("/".join(GOOD[at]),)
    assert not verdict.kept


@given(st.integers(0, 4), st.integers(0, 5))
def test_a_result_twice_is_caught(at: int, where: int) -> None:
    """Wherever the second one is."""
    verdict = check(SENT, [*GOOD[:where], GOOD[at], *GOOD[where:]])
    assert verdict.twice == ("/".join(GOOD[at]),)
    assert not verdict.kept


def test_order_is_caught() -> None:
    """Only within a source."""
    verdict = check(SENT, [GOOD[2], *GOOD[:2], *GOOD[3:]])
    assert verdict.out_of_order == ("a/1",)


def test_strangers_are_caught() -> None:
    """A result of a frame that nobody sent is no result of another."""
    assert check(SENT, [*GOOD, ("c", "1")]).strange == ("c/1",)
