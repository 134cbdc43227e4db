"""What frames take besides their stages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.rest import Rest, usual

SECONDS = st.lists(st.floats(-10, 10), min_size=1, max_size=40)


def test_one_side_alone_says_nothing() -> None:
    """Until frames were answered both ways the two are compared without."""
    rest = Rest()
    rest.split(0.02)
    assert rest.usual == (0.0, 0.0)
    rest.local(-0.01)
    assert rest.usual == pytest.approx((0.02, -0.01))


@given(SECONDS)
def test_the_usual_is_among_what_was_seen(seen: list[float]) -> None:
    """Between the least and the most."""
    assert min(seen) - 1e-9 <= usual(seen) <= max(seen) + 1e-9


@given(st.floats(0, 1), st.floats(10, 1000), st.integers(3, 20))
def test_one_that_is_far_off_does_not_count(typical: float, odd: float, count: int) -> None:
    """A cold start among three or more."""
    assert usual([odd, *[typical] * (count - 1)]) == pytest.approx(typical)


def test_nothing_is_nothing() -> None:
    """No frames, no time."""
    assert usual([]) == 0
