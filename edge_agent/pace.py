"""What a cut's way to its tail takes, stage by stage, as the frames that took it teach; and the level for the next.

What head and encoder cost is known as work: seconds of the device's processor, which hardly waver. What a second of
work takes is learned from all frames together: on a device that is busy, or held to a quota, one says little of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import islice

from edge_agent.ground import Ground
from edge_agent.levels import Cost, Held, Ladder, pick
from edge_agent.rest import usual
from edge_agent.traffic import Traffic, Transfer

SURVEY_S = 0.5  # between levels that are looked at again beside the one in use, at least
SURVEYS = 0.02  # of the device's time: what such looks may take
STALE_S = 30.0  # after which what a level costs is looked at again
USUAL = 12  # frames, whose middle half says what head and tail take
SETTLED = 4  # answers, after which what is expected may be relied on


class Pace:
    """Of one bundle with one tail; `ground` is shared with other cuts. Seconds are monotonic; nothing here waits."""

    def __init__(self, level: str, ladder: Ladder, ground: Ground | None = None) -> None:
        self.ground = ground or Ground()
        self._ladder = ladder
        self._held = Held(level, 0.0)
        self._work: dict[str, Cost] = {}
        self._unseen = set(ladder.names[: ladder.least])
        self._asked_at: dict[str, float] = {}
        self._survey_at = 0.0
        self._decoded: set[str] = set()
        self._heads: deque[float] = deque(maxlen=USUAL)
        self._tails: deque[float] = deque(maxlen=USUAL)

    @property
    def settled(self) -> bool:
        """Whether the tail answered often enough."""
        return len(self._tails) >= SETTLED

    @property
    def held(self) -> str:
        """The level in use."""
        return self._held.name

    def level(self, now: float, deadline_at: float, waiting: int, oldest: tuple[int, float] | None = None) -> str:
        """The level for a frame whose head has run, with `waiting` bytes before it on the link.

        `oldest`: bytes of the frame that is longest under way, and when it was sent.
        Until every level was looked at once the first one is held: no walk from each to the next that becomes known.
        """
        if self._unseen:
            return self._held.name
        self._held = pick(
            self._held,
            self._ladder,
            self._work,
            self._traffic.overdue(*oldest, now, self.tail_s) if oldest else self._traffic,
            now,
            left_s=deadline_at - now,
            other_s=self.tail_s,
            waiting=waiting,
            slowness=self.ground.slowness,
        )
        return self._held.name

    def split_s(self, waiting: int) -> float | None:
        """What a frame that comes now is expected to take to its answer; None: not known yet."""
        cost, line = self._work.get(self._held.name), self._traffic.line(waiting)
        if not cost or not line or not self._tails:
            return None
        return self.head_s + cost.takes_s(line, self.ground.slowness) + self.tail_s

    def best_s(self, tail_s: float) -> float | None:
        """What a frame would take at the best level that keeps enough; None: not known yet, or no head ran.

        `tail_s`: what the tail is expected to take as long as it answered none, seconds.
        """
        return min(self._rich_s(tail_s).values(), default=None) if self._heads and not self._unseen else None

    def begin(self) -> None:
        """Frames take this cut from now on: at its best level, as far as that is known."""
        takes = self._rich_s(0.0)
        if takes and not self._unseen:
            self._held = Held(min(takes, key=lambda name: takes[name]), 0.0)

    @property
    def tail_s(self) -> float:
        """What the tail takes besides decoding, seconds; 0: not known yet."""
        return usual(self._tails)

    @property
    def smallest(self) -> str:
        """The level with the fewest bytes; the one in use as long as none was looked at."""
        return min(self._work, key=lambda name: self._work[name].size, default=self._held.name)

    @property
    def smallest_s(self) -> float:
        """What the link takes for that level, seconds; infinite: not known yet."""
        work = self._work.get(self.smallest)
        carried = self._traffic.takes_s(work.size) if work else None
        return float("inf") if carried is None else carried

    def unknown(self, now: float) -> tuple[str, ...]:
        """The levels whose cost is to be looked at now: all that never were, else one that was long ago.

        None that takes longer to encode than a frame takes altogether: that would hold up frames for nothing.
        """
        usable = self._ladder.names[: self._ladder.least]
        due = tuple(name for name in usable if name not in self._asked_at)
        if not due and now >= self._survey_at:
            stale = (name for name in usable if self._asked_at[name] <= now - STALE_S and not self._hopeless(name))
            due = tuple(islice(stale, 1))
        if due:
            self._survey_at = now + max(SURVEY_S, sum(map(self._encode_s, due)) / SURVEYS)
            self._asked_at.update(dict.fromkeys(due, now))
        return due

    def knows(self, level: str) -> bool:
        """Whether a frame was encoded at the level."""
        return level in self._work

    @property
    def head_s(self) -> float:
        """What the head takes, seconds; 0: it did not run yet."""
        return usual(self._heads) * self.ground.slowness

    def _encode_s(self, level: str) -> float:
        return self._work[level].encode_s * self.ground.slowness if level in self._work else 0.0

    def _hopeless(self, level: str) -> bool:
        expected_s = self.split_s(0)
        return expected_s is not None and self._encode_s(level) > expected_s

    def headed(self, took_s: float, work_s: float) -> None:
        """The head ran."""
        self._heads.append(work_s)
        self.ground.worked(took_s, work_s)

    def encoded(self, level: str, size: int, took_s: float, work_s: float, now: float) -> None:
        """A frame was encoded. Until a tail says what decoding takes, it is taken to be as much work."""
        known = self._work.get(level)
        self._work[level] = known.seen(size, work_s) if known else Cost(size, work_s, work_s)
        self.ground.worked(took_s, work_s)
        if level in self._asked_at:
            self._asked_at[level] = now

    def surveyed(self, level: str, size: int, work_s: float) -> None:
        """A level was looked at beside the one in use."""
        known = self._work.get(level)
        decode_s = known.decode_s if known and level in self._decoded else work_s
        self._work[level] = Cost(size, work_s, decode_s)
        self._unseen.discard(level)

    def useless(self, level: str) -> None:
        """A level that was looked at takes no such frame."""
        self._unseen.discard(level)

    def passed(self, level: str, one: Transfer, decode_s: float) -> None:
        """A frame was answered by the tail."""
        self._traffic = self._traffic.passed(one)
        self._tails.append(max(0.0, one.server_s - decode_s))
        if known := self._work.get(level):
            seen = known.seen(round(known.size), known.encode_s, decode_s)
            self._work[level] = seen if level in self._decoded else replace(known, decode_s=decode_s)
            self._decoded.add(level)

    def stalled(self, level: str, waited_s: float) -> None:
        """A frame was not answered within `waited_s` of its sending."""
        if known := self._work.get(level):
            self._traffic = self._traffic.stalled(round(known.size), waited_s)

    def pinged(self, took_s: float) -> None:
        """An empty message went there and back."""
        self._traffic = self._traffic.pinged(took_s)

    def forget(self) -> None:
        """Another tail, another link: only what the device itself takes is still true."""
        self._traffic = Traffic()
        self.forget_tail()

    def forget_tail(self) -> None:
        """What the tail takes is to be learned anew."""
        self._tails.clear()

    @property
    def _traffic(self) -> Traffic:
        return self.ground.traffic

    @_traffic.setter
    def _traffic(self, traffic: Traffic) -> None:
        self.ground.traffic = traffic

    def _rich_s(self, tail_s: float) -> dict[str, float]:
        """What a frame takes at each level that keeps enough, as far as known."""
        line = self._traffic.line()
        if line is None:
            return {}
        other_s, slowness = self.head_s + (self.tail_s or tail_s), self.ground.slowness
        rich = self._ladder.names[: self._ladder.enough]
        return {name: other_s + self._work[name].takes_s(line, slowness) for name in rich if name in self._work}
