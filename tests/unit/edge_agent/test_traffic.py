"""What is learned of a link: its round trip, its goodput, and what is to be expected of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.traffic import TURN, Traffic, Transfer

RATES = st.floats(1e3, 1e9)
TIMES = st.floats(0, 0.5)


def _over(rate: float, rtt_s: float, sizes: list[int], gap_s: float, server_s: float = 0.01) -> Traffic:
    """A link that carries `rate` bytes/s, one frame after the other, one sent each `gap_s`."""
    traffic, free = Traffic().pinged(rtt_s), 0.0
    for number, size in enumerate(sizes):
        sent = number * gap_s
        free = max(free, sent) + size / rate
        traffic = traffic.passed(Transfer(size, sent, free + rtt_s + server_s, server_s))
    return traffic


@given(st.floats(1e4, 1e7), TIMES, st.lists(st.integers(20_000, 500_000), min_size=1, max_size=30), st.floats(0.001, 1))
def test_goodput_is_found_however_frames_queue(rate: float, rtt_s: float, sizes: list[int], gap_s: float) -> None:
    """Far apart or on top of each other: the goodput is the link's, not what is left of it by waiting."""
    found = _over(rate, rtt_s, sizes, gap_s)
    assert found.goodput == pytest.approx(rate, rel=0.02)
    assert found.low == pytest.approx(rate, rel=0.02)
    assert found.rtt_s == rtt_s


@given(st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 100), st.floats(0, 10), st.floats(0, 10)), max_size=40))
def test_any_transfers_leave_sane_figures(seen: list[tuple[int, float, float, float]]) -> None:
    """Whatever clocks and tails say: goodput is above 0 and no more than the fastest that was seen."""
    traffic = Traffic()
    for size, sent, took, server in seen:
        traffic = traffic.passed(Transfer(size, sent, sent + took, server))
    if traffic.goodput is not None:
        assert min(traffic.rates) > 0
        assert 0 < traffic.goodput <= 10**7 / 0.0005
        takes, more = traffic.takes_s(1000), traffic.takes_s(2000)
        assert takes is not None
        assert more is not None
        assert takes <= more


@given(RATES, st.integers(600, 10**6), st.floats(0.01, 100))
def test_a_stall_only_slows(rate: float, size: int, waited_s: float) -> None:
    """A frame that did not come back says that the link carries less, never that it carries more."""
    before = Traffic(goodput=rate, rates=(rate,))
    after = before.stalled(size, waited_s)
    assert after.goodput is not None
    assert after.goodput <= rate
    assert after.goodput <= max(size / waited_s, 0) or after.goodput == rate or waited_s == 0


def test_small_frames_and_an_unknown_link_say_nothing() -> None:
    """No goodput, no expectation."""
    assert Traffic().takes_s(1000) is None
    assert Traffic().stalled(1000, 1.0) == Traffic()
    assert Traffic().passed(Transfer(100, 0.0, 1.0, 0.0)).goodput is None


@given(st.floats(1e5, 1e7), st.integers(30, 500), st.floats(0, 0.3))
def test_small_frames_end_the_doubt_that_an_outage_left(rate: float, size: int, rtt_s: float) -> None:
    """A link that is back is not taken to be dead because all that crosses it is small; nor for more than it is."""
    traffic = Traffic().pinged(rtt_s).passed(Transfer(30_000, 0.0, 30_000 / rate + rtt_s, 0.0)).stalled(300, 60.0)
    assert traffic.goodput == pytest.approx(5, rel=0.01)
    back = traffic.passed(Transfer(size, 70.0, 70.0 + size / rate + rtt_s, 0.0))
    assert back.goodput == pytest.approx(size / max(0.0005, size / rate + rtt_s), rel=1e-6)
    assert (back.goodput or 0) <= rate * 1.001


def test_a_change_is_followed_within_a_few_frames() -> None:
    """From 20 to 1 Mbit/s: eight frames later the expectation is within a quarter of the truth."""
    traffic, clock = _over(2.5e6, 0.0, [30_000] * 10, 0.1), 10.0
    for _ in range(16):
        took = 30_000 / 125_000
        traffic = traffic.passed(Transfer(30_000, clock, clock + took, 0.0))
        clock += 1.0
    assert traffic.goodput == pytest.approx(125_000, rel=0.25)


def _steady(rate: float, seconds: float, begin: float = 0.0, traffic: Traffic | None = None) -> Traffic:
    """Four frames of 30 kB a second, one at a time."""
    traffic = traffic or Traffic()
    for number in range(int(4 * seconds)):
        sent = begin + number / 4
        traffic = traffic.passed(Transfer(30_000, sent, sent + 30_000 / rate, 0.0))
    return traffic


@given(st.floats(5e5, 1e7), st.lists(st.booleans(), min_size=10, max_size=40))
def test_answers_read_late_now_and_then_are_no_slow_link(rate: float, late: list[bool]) -> None:
    """A device that is held up for 20 ms at most every third frame knows the link's rate all the same."""
    traffic, since = _steady(rate, 2.0), 3
    for number, held_up in enumerate(late):
        since = 0 if held_up and since >= 2 else since + 1
        sent = 2.0 + number / 5
        took = 30_000 / rate + (0.02 if since == 0 else 0.0)
        traffic = traffic.passed(Transfer(30_000, sent, sent + took, 0.0))
        assert traffic.goodput == pytest.approx(rate, rel=0.01)


@given(st.sampled_from([2.5e6, 1e6, 125_000]), st.sampled_from([2.5e6, 1e6, 125_000]))
def test_a_link_that_turned_is_believed_after_two_frames(before: float, after: float) -> None:
    """Much slower or much faster, twice: that is the link now, and nothing else is remembered."""
    traffic = _steady(before, 4.0)
    traffic = _steady(after, 0.5, begin=5.0, traffic=traffic)
    if max(before / after, after / before) > TURN:
        assert traffic.goodput == pytest.approx(after)
        assert len(traffic.rates) == 2


def test_a_frame_that_is_overdue_says_that_the_link_is_slow() -> None:
    """Not before it should have been there for long; and only as long as it is not."""
    traffic = _steady(1e6, 2.0)
    assert traffic.overdue(30_000, 2.0, 2.1, 0.0) == traffic
    assert traffic.overdue(30_000, 2.0, 2.4, 0.3) == traffic
    assert traffic.overdue(30_000, 2.0, 2.5, 0.0).goodput == pytest.approx(60_000)
    assert Traffic().overdue(30_000, 2.0, 9.0, 0.0) == Traffic()
