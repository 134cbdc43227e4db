"""The cut of the next frames: the one that is faster for long enough, and seldom another one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cuts import GAIN, HELD_S, LASTS_S, Chosen, choose_cut

TIMES = st.floats(0.001, 10)
TAKES = st.fixed_dictionaries({name: st.none() | TIMES for name in "abc"})


def _over(takes: list[dict[str, float | None]], step_s: float = 0.25, begin: float = 100.0) -> list[Chosen]:
    """What is chosen as what is expected changes, one look each `step_s`."""
    chosen, found = Chosen("a", 0.0), []
    for number, each in enumerate(takes):
        chosen = choose_cut(chosen, each, begin + number * step_s)
        found.append(chosen)
    return found


def _changes(found: list[Chosen]) -> int:
    return sum(one.cut != other.cut for one, other in pairwise([Chosen("a", 0.0), *found]))


def test_a_faster_cut_is_taken_after_a_while() -> None:
    """Not at once, and at no break in between."""
    fast: dict[str, float | None] = {"a": 0.1, "b": 0.05}
    slow: dict[str, float | None] = {"a": 0.1, "b": 0.1}
    assert [c.cut for c in _over([fast] * 5)] == ["a"] * 4 + ["b"]
    assert [c.cut for c in _over([fast] * 3 + [slow] + [fast] * 4)] == ["a"] * 8


def test_a_cut_that_cannot_be_used_is_left_at_once() -> None:
    """For the fastest of the others; with none of them it stays, for frames to be answered locally."""
    assert choose_cut(Chosen("a", 9.9), {"a": None, "b": 0.3, "c": 0.2}, 10.0) == Chosen("c", 10.0)
    assert choose_cut(Chosen("a", 9.9), {"a": None, "b": None}, 10.0).cut == "a"


def test_a_cut_is_kept_for_long_unless_the_gain_is_large() -> None:
    """A link that breaks down is no matter of seconds."""
    begun = Chosen("a", 100.0)
    for gain, changes in ((0.3, False), (0.8, True)):
        takes = {"a": 1.0, "b": 1.0 - gain}
        soon = choose_cut(choose_cut(begun, takes, 101.0), takes, 101.0 + LASTS_S)
        assert (soon.cut == "b") is changes
        assert choose_cut(choose_cut(begun, takes, 104.0), takes, 100.0 + HELD_S).cut == "b"


@given(TIMES, st.lists(st.tuples(*[st.floats(1 - GAIN / 3, 1 + GAIN / 3)] * 3), min_size=20, max_size=200))
def test_cuts_about_as_good_are_never_taken_in_turn(usual: float, wavers: list[tuple[float, ...]]) -> None:
    """Whatever wavers by a twentieth changes nothing, ever."""
    found = _over([dict(zip("abc", (usual * by for by in each), strict=True)) for each in wavers])
    assert _changes(found) == 0


@given(st.lists(TAKES, min_size=1, max_size=80), st.floats(0.02, 2.0))
def test_changes_are_seldom_whatever_happens(takes: list[dict[str, float | None]], step_s: float) -> None:
    """A cut that can be used is kept for LASTS_S at least, and always one of those that were given is chosen."""
    found = _over(takes, step_s)
    since = 0.0
    for before, after, known in zip([Chosen("a", 0.0), *found], found, takes, strict=False):
        assert after.cut in known
        if after.cut != before.cut:
            assert known[before.cut] is None or after.since - since >= LASTS_S
            since = after.since


@given(TAKES)
def test_a_lasting_gain_is_taken(takes: dict[str, float | None]) -> None:
    """In the end the cut in use is as good as any, but for the margin."""
    last = _over([takes] * 40)[-1]
    known = [seconds for seconds in takes.values() if seconds is not None]
    taken = takes[last.cut]
    if taken is not None:
        assert taken - min(known) <= max(GAIN * taken, 0.005)
    else:
        assert not known
