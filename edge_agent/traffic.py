"""What the link to a tail carries, learned from the frames that cross it; pure.

A transfer ends at the tail when its answer came, less what the tail took. It began when it was sent, or when the one
before it had passed: frames in flight queue for the link, and that wait is no slowness of the link. What is left,
less the round trip that an empty message takes, is what its bytes took.

The middle one of the last transfers is believed: a device that is held up for a moment reads an answer late, and that
is no slowness of the link either. Two one after the other that are much slower, or much faster, are a link that has
turned: what was before them is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

KEPT = 24  # transfers
OLD_S = 10.0  # what passed so long before the newest is forgotten
LATELY_S = 2.0  # the middle one of those that passed so long before the newest is believed,
FEWEST = 3  # but of so many at least
TURN = 3.0  # times slower or faster than believed, twice: the link has turned
LOW = 0.2  # the share of transfers that were slower than the low goodput
PINGS = 12  # round trips, of which the least counts
LEAST_S = 0.0005  # what a transfer takes at least: below, clocks and schedulers are measured
SMALL = 512  # bytes, below which a transfer says of the link's rate only that it is no lower
USUAL = 12  # steps from one transfer's pace to the next, of which the middle one is the usual
OVERDUE, OVERDUE_S = 2.0, 0.05  # times what a frame should take, and seconds: then its absence says something


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
    """The link as it is known; bytes a second and seconds, None: not known yet.

    `rates`: of the last transfers, `times`: when they were answered.
    """

    goodput: float | None = None
    rates: tuple[float, ...] = ()
    times: tuple[float, ...] = ()
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
            return later._at_least(one.size / max(LEAST_S, one.passed_at - max(one.sent_at, self.last_passed_at)))
        rate = one.size / max(LEAST_S, one.passed_at - began)
        seen = [(at, r) for at, r in zip(self.times, self.rates, strict=True) if at >= one.answered_at - OLD_S]
        seen = [*seen, (one.answered_at, rate)][-KEPT:]
        if self._turned([r for _, r in seen[-2:]]):
            seen = seen[-2:]
        lately = sum(at >= one.answered_at - LATELY_S for at, _ in seen)
        rates, times = tuple(r for _, r in seen), tuple(at for at, _ in seen)
        return replace(later, goodput=median(rates[-max(lately, FEWEST) :]), rates=rates, times=times)

    def _at_least(self, rate: float) -> Traffic:
        """After a small transfer at `rate`: what a link carries is no less, however little was believed of it."""
        if self.goodput is None or rate <= self.goodput * TURN:
            return self
        return replace(self, goodput=rate, rates=(rate,), times=self.times[-1:] or (self.last_passed_at,))

    def _turned(self, last: list[float]) -> bool:
        known = self.goodput or last[-1]
        return all(rate * TURN < known for rate in last) or all(rate > known * TURN for rate in last)

    def stalled(self, size: int, waited_s: float) -> Traffic:
        """After a frame of `size` bytes was not answered for `waited_s`: the link carries less than that."""
        if self.goodput is None or waited_s <= self.rtt_s:
            return self
        most = size / (waited_s - self.rtt_s)
        if most >= self.goodput:
            return self
        return replace(self, goodput=most, rates=(most,), times=self.times[-1:] or (self.last_passed_at,))

    def overdue(self, size: int, sent_at: float, now: float, server_s: float) -> Traffic:
        """The link as it must be taken at `now`, if `size` bytes sent at `sent_at` are not answered yet.

        `server_s`: what the tail usually takes.
        """
        if self.goodput is None:
            return self
        waited_s = now - max(sent_at + self.rtt_s, self.last_passed_at) - server_s
        if waited_s < OVERDUE * size / self.goodput + OVERDUE_S:
            return self
        return replace(self, goodput=size / waited_s)

    def line(self, waiting: int = 0, *, careful: bool = False) -> tuple[float, float] | None:
        """What bytes behind `waiting` others take: seconds for any, and for each byte, less the tail's time.

        `careful`: by the low goodput. None as long as no goodput is known.
        """
        if self.goodput is None:
            return None
        slow = self.low if careful else None
        byte_s = 1 / min(self.goodput, slow or self.goodput)
        return self.rtt_s + waiting * byte_s, byte_s

    def takes_s(self, size: float, waiting: int = 0, *, careful: bool = False) -> float | None:
        """Seconds until `size` bytes behind `waiting` others have passed and an answer is back; see `line`."""
        line = self.line(waiting, careful=careful)
        return None if line is None else line[0] + size * line[1]
