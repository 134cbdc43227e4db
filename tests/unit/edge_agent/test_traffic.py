"""What is learned of a link: its round trip, its goodput, and what is to be expected of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.traffic import Traffic, Transfer

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


def test_a_change_is_followed_within_a_few_frames() -> None:
    """From 20 to 1 Mbit/s: eight frames later the expectation is within a quarter of the truth."""
    traffic, clock = _over(2.5e6, 0.0, [30_000] * 10, 0.1), 10.0
    for _ in range(16):
        took = 30_000 / 125_000
        traffic = traffic.passed(Transfer(30_000, clock, clock + took, 0.0))
        clock += 1.0
    assert traffic.goodput == pytest.approx(125_000, rel=0.25)
