"""The queue's clock and its limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.queue.clock import QueueClock, Reading
from edge_agent.queue.limits import crowded_out, expired
from edge_agent.queue.model import Drop, Limits, Waiting

SECONDS = st.floats(-1e10, 1e10)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1e9), SECONDS), min_size=1))
def test_clock_never_goes_back(readings: list[tuple[str, float, float]]) -> None:
    """Whatever the machine's clocks do, the queue's time grows, by 30 days at most over a reboot."""
    clock = QueueClock(5.0, Reading(*readings[0]))
    for one in (Reading(*r) for r in readings):
        later = clock.at(one)
        assert later.time >= clock.time
        if one.boot != clock.reading.boot:
            assert later.time - clock.time <= 30 * 86400 + 1e-3  # sums of floats
        clock = later


def test_wall_clock_jumps_do_not_count() -> None:
    """Within a boot only the uptime counts, wherever the date jumps."""
    clock = QueueClock(100.0, Reading("b", 10.0, 1.7e9))
    assert clock.now(Reading("b", 12.0, 0.0)) == 102.0
    assert clock.now(Reading("b", 12.0, 9e9)) == 102.0


def test_reboot_counts_what_the_wall_clock_credibly_says() -> None:
    """Away for an hour counts; a date of 1970, or one years ahead, does not."""
    clock = QueueClock(100.0, Reading("b", 10.0, 1.7e9))
    assert clock.now(Reading("c", 1.0, 1.7e9 + 3600)) == 3700.0
    assert clock.now(Reading("c", 1.0, 0.0)) == 100.0
    assert clock.now(Reading("c", 1.0, 2.7e9)) == 100.0


SIZES = st.lists(st.integers(0, 50), max_size=8)


@given(SIZES, st.integers(0, 60), st.integers(0, 60), st.integers(1, 100), st.sampled_from(list(Drop)))
def test_limit_is_kept(sizes: list[int], flying: int, size: int, limit: int, drop: Drop) -> None:
    """After room was made the queue holds no more than its limit, or the new frame is itself the one to go."""
    waiting = [Waiting(n, one, 0.0) for n, one in enumerate(sizes)]
    held = flying + sum(sizes)
    gone, refused = crowded_out(waiting, held, size, Limits(max_bytes=limit, drop=drop))
    left = held - sum(frame.size for frame in gone)
    assert refused or left + size <= limit
    assert not (refused and gone)
    if drop is Drop.NEWEST:
        assert gone == []
        assert refused == (held + size > limit)
    else:
        assert gone == [frame for frame in waiting if frame.size][: len(gone)]
        assert not gone or left + gone[-1].size + size > limit, "no more than needed"


def test_no_limit() -> None:
    """Limits of 0 drop nothing."""
    waiting = [Waiting(1, 10**12, 0.0)]
    assert expired(waiting, Limits(), 1e12) == []
    assert crowded_out(waiting, 10**12, 1, Limits()) == ([], False)
