"""What the link to a tail carries, learned from the frames that cross it; pure.

A transfer ends at the tail when its answer came, less what the tail took. It began when it was sent, or when the one
before it had passed: frames in flight queue for the link, and that wait is no slowness of the link. What is left,
less the round trip that an empty message takes, is what its bytes took.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

WEIGHT = 0.25  # of the newest transfer in the average
KEPT = 24  # transfers, for the low percentile
LOW = 0.2  # the share of transfers that were slower than the low goodput
PINGS = 12  # round trips, of which the least counts
LEAST_S = 0.0005  # what a transfer takes at least: below, clocks and schedulers are measured
SMALL = 512  # bytes, below which a transfer says nothing of the link's rate
USUAL = 12  # steps from one transfer's pace to the next, of which the middle one is the usual


@dataclass(frozen=True, slots=True)
class Transfer:
    """One frame that was answered: payload bytes, and seconds on the monotonic clock; `server_s`: spent at the tail."""

    size: int
    sent_at: float
    answered_at: float
    server_s: float

    @property
    def passed_at(self) -> float:
        """When it had passed the link, half a round trip later than it did."""
        return self.answered_at - self.server_s


@dataclass(frozen=True, slots=True)
class Traffic:
    """The link as it is known; bytes a second and seconds, None: not known yet. `rates`: of the last transfers."""

    goodput: float | None = None
    rates: tuple[float, ...] = ()
    pings: tuple[float, ...] = ()
    last_passed_at: float = 0.0

    @property
    def wavers(self) -> float:
        """By how many seconds a byte the pace usually differs from one transfer to the next; a turn for good is one."""
        paces = [1 / rate for rate in self.rates[-USUAL - 1 :]]
        return median(abs(one - other) for one, other in pairwise(paces)) if len(paces) > 1 else 0.0

    @property
    def rtt_s(self) -> float:
        """The least round trip of an empty message, lately; 0: none was seen yet."""
        return min(self.pings, default=0.0)

    @property
    def low(self) -> float | None:
        """The goodput that all but the slowest fifth of the last transfers had."""
        if not self.rates:
            return None
        ordered = sorted(self.rates)
        return ordered[int(LOW * len(ordered))]

    def pinged(self, took_s: float) -> Traffic:
        """After an empty message went there and back in `took_s`."""
        return replace(self, pings=(*self.pings, took_s)[-PINGS:])

    def passed(self, one: Transfer) -> Traffic:
        """After a frame was answered."""
        began = max(one.sent_at + self.rtt_s, self.last_passed_at)
        later = replace(self, last_passed_at=max(self.last_passed_at, one.passed_at))
        if one.size < SMALL:
            return later
        rate = one.size / max(LEAST_S, one.passed_at - began)
        # Seconds a byte are averaged, not bytes a second: a link that breaks down is believed at once.
        known = rate if self.goodput is None else 1 / ((1 - WEIGHT) / self.goodput + WEIGHT / rate)
        return replace(later, goodput=known, rates=(*self.rates, rate)[-KEPT:])

    def stalled(self, size: int, waited_s: float) -> Traffic:
        """After a frame of `size` bytes was not answered for `waited_s`: the link carries less than that."""
        if self.goodput is None or waited_s <= self.rtt_s:
            return self
        most = size / (waited_s - self.rtt_s)
        return self if most >= self.goodput else replace(self, goodput=most, rates=(*self.rates, most)[-KEPT:])

    def takes_s(self, size: int, waiting: int = 0, *, careful: bool = False) -> float | None:
        """Seconds until `size` bytes behind `waiting` others have passed and an answer is back, less the tail's time.

        `careful`: by the low goodput. None as long as no goodput is known.
        """
        if self.goodput is None:
            return None
        slow = self.low if careful else None
        return self.rtt_s + (size + waiting) / min(self.goodput, slow or self.goodput)
