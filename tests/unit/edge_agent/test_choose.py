"""Where frames go, and how long the tail may take."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.choose import (
    MISSES,
    OFTEST_S,
    PROBE_S,
    Choice,
    Link,
    Trust,
    choose,
    give_up_times,
    local_first,
    probe_after,
    reserve,
)  # fmt: skip
from edge_agent.model import Mode, Reason, Where

SECONDS = st.floats(0, 100, allow_nan=False)


def missed(times: int, now: float = 0.0) -> Trust:
    trust = Trust()
    for _ in range(times):
        trust = trust.missed(now)
    return trust


def test_a_good_link_is_used() -> None:
    """With nothing against it, and no estimates yet, a frame goes to the tail."""
    assert choose(Mode.AUTO, Link(None, Trust()), 0.0, 1.0) == Choice(Where.SPLIT)
    assert choose(Mode.AUTO, Link(None, Trust(), split_s=0.2, local_s=0.3), 0.0, 1.0) == Choice(Where.SPLIT)


def test_modes_overrule() -> None:
    """Local mode never splits, split mode always does, whatever the link is like."""
    bad = Link(Reason.TAIL_UNREACHABLE, missed(MISSES))
    assert choose(Mode.LOCAL, Link(None, Trust()), 0.0, 1.0) == Choice(Where.LOCAL, Reason.LOCAL_MODE)
    assert choose(Mode.SPLIT, bad, 0.0, 1.0) == Choice(Where.SPLIT)


def test_a_barred_link_says_why() -> None:
    """Where no frame can be sent the reason is the link's own."""
    for reason in (Reason.NO_ASSIGNMENT, Reason.TAIL_UNREACHABLE, Reason.DIGEST_MISMATCH):
        assert choose(Mode.AUTO, Link(reason, Trust()), 0.0, 1.0) == Choice(Where.LOCAL, reason)


def test_a_slow_split_leaves_room_for_the_device() -> None:
    """A split that would end too late to still answer locally is not begun, but tried now and then."""
    link = Link(None, Trust(trial_at=5.0), split_s=0.8, local_s=0.3)
    assert choose(Mode.AUTO, link, 1.0, 2.0) == Choice(Where.LOCAL, Reason.DEADLINE)
    assert choose(Mode.AUTO, link, 5.0, 6.0) == Choice(Where.SPLIT, trial=True)


def test_a_device_that_is_too_slow_leaves_the_split_all_the_time() -> None:
    """Where a local run cannot meet the deadline anyway, nothing is held back for it."""
    link = Link(None, Trust(), split_s=0.8, local_s=3.0)
    assert choose(Mode.AUTO, link, 0.0, 1.0) == Choice(Where.SPLIT)


def test_three_misses_open_the_breaker_until_a_trial() -> None:
    """After three misses frames stay local but for trials, which get rarer until one is answered."""
    assert choose(Mode.AUTO, Link(None, missed(MISSES - 1)), 0.0, 1.0).where is Where.SPLIT
    trust = missed(MISSES)
    assert choose(Mode.AUTO, Link(None, trust), 0.1, 1.0) == Choice(Where.LOCAL, Reason.TAIL_UNREACHABLE)
    assert choose(Mode.AUTO, Link(None, trust.answered_late()), 0.1, 1.0).reason is Reason.DEADLINE
    assert choose(Mode.AUTO, Link(None, trust), trust.trial_at, 9.0) == Choice(Where.SPLIT, trial=True)
    pauses = [missed(MISSES + more).pause_s for more in range(6)]
    assert all(a <= b for a, b in pairwise(pauses))
    assert pauses[-1] == pauses[-2]
    assert not trust.answered().broken


def test_one_trial_at_a_time() -> None:
    """A trial under way keeps the next one waiting."""
    trust = missed(MISSES).trying(10.0)
    assert choose(Mode.AUTO, Link(None, trust), 10.0, 11.0).where is Where.LOCAL


SPANS = st.lists(st.tuples(SECONDS, st.floats(0, 5)).map(lambda s: (s[0], s[0] + s[1])), max_size=12).map(
    lambda spans: sorted(spans, key=lambda span: span[1])
)


@given(SPANS, st.floats(0.001, 5), st.booleans())
def test_waits_end_in_time(spans: list[tuple[float, float]], local_s: float, doubt: bool) -> None:
    """Each wait ends by its deadline, and leaves room for a local run unless there is none left anyway."""
    room = reserve(local_s)
    for (_, deadline), end in zip(spans, give_up_times(spans, local_s, doubt=doubt), strict=True):
        assert end <= deadline
        assert end == deadline or end <= deadline - room


@given(SPANS, st.floats(0.001, 5))
def test_a_trusted_tail_has_half_of_the_time(spans: list[tuple[float, float]], local_s: float) -> None:
    """As long as the tail is not in doubt, only the frame's own local run may take more than half of its time."""
    room = reserve(local_s)
    for (arrived, deadline), end in zip(spans, give_up_times(spans, local_s, doubt=False), strict=True):
        assert end >= min((arrived + deadline) / 2, deadline - room)


@given(SPANS.filter(bool), st.floats(0.001, 5))
def test_all_may_run_locally_one_after_the_other(spans: list[tuple[float, float]], local_s: float) -> None:
    """In doubt, local runs that begin when their waits end meet every deadline, if that is possible at all."""
    ends = give_up_times(spans, local_s, doubt=True)
    room, clock = reserve(local_s), 0.0
    possible = all((n + 1) * room <= deadline for n, (_, deadline) in enumerate(spans))
    for (_, deadline), end in zip(spans, ends, strict=True):
        clock = max(clock, end) + room
        assert not possible or clock <= deadline + 1e-9


def test_unknown_local_time_waits_to_the_deadline() -> None:
    """Before the device's speed is known a wait lasts to its deadline."""
    assert give_up_times([(0.0, 1.0), (0.0, 2.0)], None, doubt=False) == [1.0, 2.0]


def test_the_device_answers_where_it_is_faster() -> None:
    """Local, but for a frame now and then that looks whether the link has become better; not past its deadline."""
    slow = Link(None, Trust(), split_s=0.4, local_s=0.2, local_first=True, probe_at=5.0)
    assert choose(Mode.AUTO, slow, 1.0, 3.0) == Choice(Where.LOCAL, Reason.LOCAL_FASTER)
    assert choose(Mode.AUTO, slow, 5.0, 7.0) == Choice(Where.SPLIT, trial=True)
    assert choose(Mode.SPLIT, slow, 1.0, 3.0) == Choice(Where.SPLIT)
    assert choose(Mode.AUTO, slow, 1.0, 1.1).reason is not Reason.LOCAL_FASTER


def test_the_device_is_tried_only_in_time() -> None:
    """A frame that tries it is to be answered by its deadline all the same."""
    near = Link(None, Trust(), split_s=0.2, local_s=0.25, try_local=True)
    assert choose(Mode.AUTO, near, 1.0, 3.0) == Choice(Where.LOCAL, Reason.LOCAL_FASTER, trial=True)
    assert choose(Mode.AUTO, near, 1.0, 1.3).where is Where.SPLIT
    assert choose(Mode.SPLIT, near, 1.0, 3.0).where is Where.SPLIT


@given(st.floats(0.001, 10), st.floats(0.92, 1.08))
def test_what_is_about_as_fast_does_not_take_over(local_s: float, ratio: float) -> None:
    """Neither way takes the other's place for less than a tenth."""
    for was in (False, True):
        assert local_first(was, local_s * ratio, local_s) == was
    assert local_first(False, local_s * 1.2, local_s)
    assert not local_first(True, local_s * 0.8, local_s)
    assert not local_first(True, None, local_s)


@given(SECONDS, SECONDS)
def test_the_link_is_tried_the_sooner_the_less_that_loses(split_s: float, local_s: float) -> None:
    """Within limits; and often until enough is known."""
    assert OFTEST_S <= probe_after(split_s, local_s, settled=True) <= PROBE_S
    assert probe_after(split_s, local_s, settled=False) == OFTEST_S
    assert probe_after(local_s + 0.05, local_s, settled=True) <= probe_after(local_s + 0.09, local_s, settled=True)
