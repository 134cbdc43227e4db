"""A cut's pace: what its stages took is what is expected of the next frame, and levels are looked at in turn."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.levels import Ladder
from edge_agent.pace import STALE_S, SURVEY_S, Pace
from edge_agent.traffic import Transfer

LADDER = Ladder(("rans-8", "rans-4"), 2, 2)


def _taught() -> Pace:
    pace = Pace("rans-4", LADDER)
    pace.pinged(0.02)
    pace.headed(0.03, 0.03)
    pace.encoded("rans-4", 10_000, 0.005, 0.005, 1.0)
    pace.passed("rans-4", Transfer(10_000, 1.0, 1.0 + 0.02 + 0.1 + 0.012, 0.012), 0.002)
    return pace


def test_the_stages_add_up() -> None:
    """Head, encode, decode, link with its round trip, tail; and what waits for the link before."""
    pace = _taught()
    assert pace.split_s(0) == pytest.approx(0.03 + 0.005 + 0.002 + 0.02 + 0.1 + 0.01, rel=1e-6)
    assert pace.split_s(10_000) == pytest.approx((pace.split_s(0) or 0) + 0.1)


def test_nothing_is_expected_before_an_answer_and_of_another_tail() -> None:
    """No guess without a measurement."""
    pace = Pace("rans-4", LADDER)
    assert pace.split_s(0) is None
    taught = _taught()
    taught.forget()
    assert taught.split_s(0) is None


def test_levels_are_looked_at_in_turn() -> None:
    """All at first, then each again when that is long ago, with a pause between."""
    pace = Pace("rans-4", LADDER)
    assert [pace.unknown(100.0), pace.unknown(100.1)] == [("rans-8", "rans-4"), ()]
    later = 101.0 + STALE_S
    assert [pace.unknown(later), pace.unknown(later + SURVEY_S / 2), pace.unknown(later + SURVEY_S)] == [
        ("rans-8",), (), ("rans-4",),
    ]  # fmt: skip


def test_looks_at_levels_take_little_of_the_device() -> None:
    """A look that takes 0.1 s is followed by none for 5 s, however stale the others are."""
    pace = Pace("rans-4", Ladder(("raw", "rans-8", "rans-4"), 3, 3))
    pace.unknown(0.0)
    for level in ("raw", "rans-8", "rans-4"):
        pace.surveyed(level, 10_000, 0.1)
    now = 1 + 2 * STALE_S
    assert pace.unknown(now) == ("raw",)
    assert [pace.unknown(now + after) for after in (1.0, 4.9, 5.1)] == [(), (), ("rans-8",)]


def test_a_level_that_takes_too_long_to_encode_is_not_looked_at_again() -> None:
    """A frame takes 0.16 s: a level that is encoded in 0.2 s would hold up others, and cannot be worth it."""
    pace = _taught()
    pace.unknown(0.0)
    pace.surveyed("rans-8", 5_000, 0.2)
    assert (pace.split_s(0) or 1) < 0.2
    assert pace.unknown(2 * STALE_S) == ("rans-4",)
    assert pace.unknown(4 * STALE_S) == ("rans-4",)


def test_work_is_priced_at_what_work_takes_here() -> None:
    """A device that is held back to a fifth: encoding takes five times its work, whatever one frame says."""
    pace = _taught()
    for number in range(60):
        pace.encoded("rans-4", 10_000, 0.025 if number % 2 else 0.005, 0.003, 1.0)
    before = pace.split_s(0) or 0
    assert before == pytest.approx(5 * (0.03 + 0.003) + 0.002 + 0.02 + 0.1 + 0.01, rel=0.02)
    pace.encoded("rans-4", 10_000, 0.045, 0.003, 1.0)
    assert (pace.split_s(0) or 0) - before < 0.03


def test_no_level_is_taken_before_all_were_looked_at() -> None:
    """The first is held meanwhile, however good the next that becomes known looks; then the best is taken at once."""
    pace = Pace("rans-8", LADDER)
    pace.encoded("rans-8", 100_000, 0.01, 0.01, 1.0)
    pace.passed("rans-8", Transfer(100_000, 1.0, 2.0, 0.0), 0.0)
    pace.surveyed("rans-8", 100_000, 0.01)
    assert pace.level(5.0, 60.0, 0) == "rans-8"
    pace.surveyed("rans-4", 10_000, 0.01)
    assert pace.level(6.0, 60.0, 0) == "rans-4"


def test_a_level_that_takes_no_such_frame_holds_nothing_up() -> None:
    """The others are chosen from when it was tried in vain."""
    pace = Pace("rans-8", Ladder(("raw", "rans-8", "rans-4"), 3, 3))
    pace.encoded("rans-8", 100_000, 0.01, 0.01, 1.0)
    pace.passed("rans-8", Transfer(100_000, 1.0, 2.0, 0.0), 0.0)
    for level, size in (("rans-8", 100_000), ("rans-4", 10_000)):
        pace.surveyed(level, size, 0.01)
    pace.useless("raw")
    assert pace.level(6.0, 60.0, 0) == "rans-4"


def test_a_stall_is_expected_to_go_on() -> None:
    """A frame that did not come back within a second: the next is expected to take that long too."""
    pace = _taught()
    pace.stalled("rans-4", 1.0)
    assert (pace.split_s(0) or 0) >= 1.0


NAMES = ("packed-8", "zstd-8", "rans-8", "packed-5", "rans-5")


def _flow(pace: Pace, drawn: random.Random, begin: float, rates: list[float], sizes: dict[str, int]) -> list[str]:
    """Ten frames a second over a link of such bytes/s; coding is 2 ms of work, in 2 to 18 ms by chance."""
    used, now = [], begin
    for number, rate in enumerate(rates):
        now = max(now, begin + number / 10)
        level = pace.level(now, now + 60, 0)
        pace.encoded(level, sizes[level], drawn.uniform(0.002, 0.018), drawn.uniform(0.002, 0.0022), now)
        for unknown in pace.unknown(now):
            pace.surveyed(unknown, sizes[unknown], drawn.uniform(0.002, 0.0022))
        held_up = drawn.choice((0.0, 0.0, 0.016))
        took = sizes[level] / rate * drawn.uniform(0.9, 1.1) + held_up
        pace.passed(level, Transfer(sizes[level], now, now + took + 0.012, 0.012), 0.001)
        now += took + 0.012
        used.append(level)
    return used


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1e6, 3e6, 1e7]))
def test_levels_about_as_good_are_not_taken_in_turn(seed: int, rate: float) -> None:
    """Chance is most of what such frames take, and moves the level at most once for each that is looked at."""
    pace, drawn = Pace("packed-5", Ladder(NAMES, 5, 5)), random.Random(seed)
    sizes = {name: 20_000 + drawn.randrange(2_000) for name in NAMES}
    used = _flow(pace, drawn, 0.0, [rate] * 600, sizes)
    assert sum(one != other for one, other in pairwise(used)) <= 4


@given(st.integers(0, 2**32))
def test_a_link_that_breaks_down_is_heeded_at_once(seed: int) -> None:
    """Thirty times slower from one frame to the next: after three frames the smallest level is in use."""
    pace, drawn = Pace("packed-8", Ladder(NAMES, 5, 5)), random.Random(seed)
    sizes = dict(zip(NAMES, (60_000, 50_000, 45_000, 30_000, 9_000), strict=True))
    _flow(pace, drawn, 0.0, [3e6] * 100, sizes)
    used = _flow(pace, drawn, 10.0, [1e5] * 10, sizes)
    assert set(used[3:]) == {"rans-5"}
