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
    pace.encoded("rans-4", 10_000, 0.005, 1.0)
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
    """New ones frame by frame, the others again when that is long ago, with a pause between."""
    pace = Pace("rans-4", LADDER)
    assert [pace.unknown(100.0), pace.unknown(100.1), pace.unknown(100.2)] == ["rans-8", "rans-4", ""]
    later = 101.0 + STALE_S
    assert [pace.unknown(later), pace.unknown(later + SURVEY_S / 2), pace.unknown(later + SURVEY_S)] == [
        "rans-8", "", "rans-4",
    ]  # fmt: skip


def test_no_level_is_taken_before_all_were_looked_at() -> None:
    """The first is held meanwhile, however good the next that becomes known looks; then the best is taken at once."""
    pace = Pace("rans-8", LADDER)
    pace.encoded("rans-8", 100_000, 0.01, 1.0)
    pace.passed("rans-8", Transfer(100_000, 1.0, 2.0, 0.0), 0.0)
    assert pace.level(5.0, 60.0, 0) == "rans-8"
    pace.encoded("rans-4", 10_000, 0.01, 5.0)
    assert pace.level(6.0, 60.0, 0) == "rans-4"


def test_a_stall_is_expected_to_go_on() -> None:
    """A frame that did not come back within a second: the next is expected to take that long too."""
    pace = _taught()
    pace.stalled("rans-4", 1.0)
    assert (pace.split_s(0) or 0) >= 1.0
