"""A cut's pace: what its stages took is what is expected of the next frame, and levels are looked at in turn."""

from __future__ import annotations

import pytest

from edge_agent.levels import Ladder
from edge_agent.pace import STALE_S, SURVEY_S, Pace
from edge_agent.traffic import Transfer

LADDER = Ladder(("rans-8", "rans-4"), 2, 2)


def _taught() -> Pace:
    pace = Pace("rans-4", LADDER)
    pace.pinged(0.02)
    pace.headed(0.03)
    pace.encoded("rans-4", 10_000, 0.005)
    pace.passed("rans-4", Transfer(10_000, 1.0, 1.0 + 0.02 + 0.1 + 0.012, 0.012), 0.002)
    return pace


def test_the_stages_add_up() -> None:
    """Head, encode, decode, link with its round trip, tail; and what waits for the link before."""
    pace = _taught()
    assert pace.split_s(0) == pytest.approx(0.03 + 0.005 + 0.3 * 0.002 + 0.02 + 0.1 + 0.01, rel=1e-6)
    assert pace.split_s(10_000) == pytest.approx((pace.split_s(0) or 0) + 0.1)


def test_nothing_is_expected_before_an_answer_and_of_another_tail() -> None:
    """No guess without a measurement."""
    pace = Pace("rans-4", LADDER)
    assert pace.split_s(0) is None
    taught = _taught()
    taught.forget()
    assert taught.split_s(0) is None


def test_levels_are_looked_at_one_at_a_time() -> None:
    """Each once, with a pause between; again when it is long ago."""
    pace = Pace("rans-4", LADDER)
    seen = [pace.unknown(100.0), pace.unknown(100.0 + SURVEY_S / 2), pace.unknown(100.0 + SURVEY_S)]
    assert seen == ["rans-8", "", "rans-4"]
    assert pace.unknown(100.0 + 2 * SURVEY_S) == ""
    assert pace.unknown(101.0 + STALE_S) == "rans-8"


def test_a_stall_is_expected_to_go_on() -> None:
    """A frame that did not come back within a second: the next is expected to take that long too."""
    pace = _taught()
    pace.stalled("rans-4", 1.0)
    assert (pace.split_s(0) or 0) >= 1.0
