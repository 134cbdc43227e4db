"""The level of a frame: fast, rich enough, in time, and not another one each frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.levels import GAIN, HELD_S, Cost, Held, Ladder, pick
from edge_agent.traffic import Traffic

NAMES = ("raw", "rans-8", "rans-4", "rans-2")
LADDER = Ladder(NAMES, enough=3, least=4)
COSTS = {
    "raw": Cost(400_000, 0.0001),
    "rans-8": Cost(90_000, 0.008),
    "rans-4": Cost(40_000, 0.006),
    "rans-2": Cost(12_000, 0.005),
}


def _link(mbit: float, rtt_s: float = 0.0) -> Traffic:
    rate = mbit * 125_000
    return Traffic(goodput=rate, rates=(rate,) * 8, pings=(rtt_s,))


def _at(mbit: float, held: str = "rans-4", left_s: float = 60.0, waiting: int = 0, since: float = 0.0) -> str:
    now = 100.0
    return pick(Held(held, since), LADDER, COSTS, _link(mbit), now, left_s=left_s, other_s=0.01, waiting=waiting).name


def test_the_fastest_that_keeps_enough() -> None:
    """A fast link: no time for coding; a slow one: few bytes, but never fewer than the bundle's default keeps."""
    assert _at(2000) == "raw"
    assert _at(5) == "rans-4"
    assert _at(0.1) == "rans-4"


def test_less_is_kept_only_for_a_deadline() -> None:
    """Where what keeps enough would come too late, the richest of the poorer that comes in time."""
    assert _at(1, left_s=0.2) == "rans-2"
    assert _at(1, left_s=0.001) == "rans-2"
    limited = Ladder(NAMES, enough=3, least=3)
    assert pick(Held("rans-4", 0), limited, COSTS, _link(1), 9.0, left_s=0.2, other_s=0).name == "rans-4"


def test_equally_fast_levels_keep_more() -> None:
    """Two that take the same: the richer."""
    costs = {"rans-8": Cost(10_000, 0.005), "rans-4": Cost(10_010, 0.005)}
    assert pick(Held("rans-4", 0), LADDER, costs, _link(1), 9.0, left_s=9, other_s=0).name in {"rans-8", "rans-4"}
    assert pick(Held("gone", 0), LADDER, costs, _link(1), 9.0, left_s=9, other_s=0).name == "rans-8"


@given(st.floats(0.2, 1000), st.sampled_from(NAMES[:3]), st.floats(0, 0.99))
def test_a_level_is_held_for_a_while(mbit: float, held: str, ago: float) -> None:
    """Within HELD_S of a change nothing changes, as long as deadlines hold."""
    assert _at(mbit, held, since=100.0 - ago * HELD_S) == held


@given(st.floats(0.05, 1000), st.floats(1 - GAIN / 3, 1 + GAIN / 3))
def test_what_wavers_changes_nothing(mbit: float, wavers: float) -> None:
    """A goodput that wavers by a thirtieth around any value makes no level come and go."""
    first = _at(mbit)
    second = _at(mbit * wavers, held=first)
    assert _at(mbit, held=second) == second


@given(st.floats(0.001, 1e4), st.floats(0.0, 10), st.integers(0, 10**6), st.sampled_from(NAMES))
def test_always_a_level_of_the_ladder(mbit: float, left_s: float, waiting: int, held: str) -> None:
    """Whatever the link: one that may be used."""
    assert _at(mbit, held, left_s, waiting) in NAMES


def test_nothing_known_changes_nothing() -> None:
    """Before the first answer the level in use stays."""
    held = Held("rans-4", 0.0)
    assert pick(held, LADDER, {}, Traffic(), 5.0, left_s=1, other_s=0) == held
    assert pick(held, LADDER, COSTS, Traffic(), 5.0, left_s=1, other_s=0) == held
