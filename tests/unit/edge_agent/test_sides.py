"""Which side answers sooner: both are tried, and neither often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.model import Goal
from edge_agent.sides import AGAIN_S, NEAR, SOON_S, TRIALS, Sides

TAKES = st.floats(0.001, 10)


def test_a_split_that_takes_longer_than_its_stages_gives_way() -> None:
    """Expected 80 ms by the split and 80 on the device; really 100 and 80: known once both were tried."""
    sides, expected, now = Sides(Goal.LATENCY), (0.08, 0.08), 0.0
    for _ in range(4):
        sides.split_took(0.1, expected)
    assert not sides.local_first(expected)
    assert sides.try_local(expected, now)
    sides.tries_local(now)
    sides.local_took(0.08, expected)
    assert sides.local_first(expected)
    assert not sides.try_local(expected, now + AGAIN_S)


def test_the_device_is_tried_a_few_times_then_seldom() -> None:
    """Three times one soon after the other; then twice a minute."""
    sides, now, tried = Sides(Goal.LATENCY), 0.0, []
    while now < 2.2 * AGAIN_S:
        if sides.try_local((0.05, 0.06), now):
            sides.tries_local(now)
            tried.append(now)
        now += 0.1
    assert tried[:TRIALS] == pytest.approx([0, SOON_S, 2 * SOON_S], abs=0.11)
    assert len(tried) == TRIALS + 2


@given(TAKES, TAKES, st.floats(0, 1000))
def test_the_device_is_not_tried_in_vain(split_s: float, local_s: float, now: float) -> None:
    """Not where it is expected to be much slower, and never where offloading is the goal."""
    assert Sides(Goal.LATENCY).try_local((split_s, local_s), now) == (local_s <= NEAR * split_s)
    assert not Sides(Goal.OFFLOAD).try_local((split_s, local_s), now)
    assert not Sides(Goal.LATENCY).try_local((None, local_s), now)
    assert not Sides(Goal.OFFLOAD).local_first((split_s, local_s))
