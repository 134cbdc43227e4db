"""The level of a frame: fast, rich enough, in time, and not another one each frame."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.levels import GAIN, HELD_S, LASTS_S, Cost, Held, Ladder, pick
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


def _settled(mbit: float, held: str = "rans-4") -> str:
    state = Held(held, 0.0)
    for now in (100.0, 100.0 + LASTS_S):
        state = pick(state, LADDER, COSTS, _link(mbit), now, left_s=60.0, other_s=0.01)
    return state.name


def test_the_fastest_that_keeps_enough() -> None:
    """A fast link: no time for coding; a slow one: few bytes, but never fewer than the bundle's default keeps."""
    assert _settled(2000) == "raw"
    assert _settled(5) == "rans-4"
    assert _settled(0.1) == "rans-4"


def test_a_gain_must_last_or_be_large() -> None:
    """A third: only when it was there for a while without a break; most of the time: at once."""
    assert _at(2000) == "rans-4"
    state = Held("rans-4", 0.0)
    for now, mbit in ((100.0, 2000), (100.4, 2000), (100.5, 5), (100.6, 2000), (101.0, 2000)):
        state = pick(state, LADDER, COSTS, _link(mbit), now, left_s=60.0, other_s=0.01)
        assert state.name == "rans-4"
    assert pick(state, LADDER, COSTS, _link(2000), 101.2, left_s=60.0, other_s=0.01).name == "raw"
    assert _at(1, held="raw") == "rans-4"


@given(st.lists(st.floats(0.97, 1.03), min_size=30, max_size=60), st.floats(0.1, 3.0), st.floats(0.02, 2.0))
def test_a_deadline_that_is_just_met_makes_no_to_and_fro(wavers: list[float], mbit: float, left_s: float) -> None:
    """A link that wavers by 3 per cent where a level just meets its deadline: it is left once, not each time."""
    state, used = Held("rans-4", 0.0), []
    for number, by in enumerate(wavers):
        state = pick(state, LADDER, COSTS, _link(mbit * by), 100.0 + number / 2, left_s=left_s, other_s=0.01)
        used.append(state.name)
    assert sum(one != other for one, other in pairwise(used)) <= 2


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
    first = _settled(mbit)
    second = _settled(mbit * wavers, held=first)
    assert _settled(mbit, held=second) == second


@given(st.floats(0.001, 1e4), st.floats(0.0, 10), st.integers(0, 10**6), st.sampled_from(NAMES))
def test_always_a_level_of_the_ladder(mbit: float, left_s: float, waiting: int, held: str) -> None:
    """Whatever the link: one that may be used."""
    assert _at(mbit, held, left_s, waiting) in NAMES


def test_nothing_known_changes_nothing() -> None:
    """Before the first answer the level in use stays."""
    held = Held("rans-4", 0.0)
    assert pick(held, LADDER, {}, Traffic(), 5.0, left_s=1, other_s=0) == held
    assert pick(held, LADDER, COSTS, Traffic(), 5.0, left_s=1, other_s=0) == held
