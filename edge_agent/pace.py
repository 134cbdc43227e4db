"""What a cut's way to its tail takes, stage by stage, as the frames that took it teach; and the level for the next."""

from __future__ import annotations

from collections import deque
from statistics import median

from edge_agent.choose import smoothed
from edge_agent.levels import Cost, Held, Ladder, pick
from edge_agent.traffic import Traffic, Transfer

SURVEY_S = 0.5  # between levels that are looked at again beside the one in use
STALE_S = 30.0  # after which what a level costs is looked at again
USUAL = 12  # frames, of which the middle one says how far encoding is usually off what it was expected to take


class Pace:
    """Of one bundle with one tail. Seconds are monotonic; nothing here waits."""

    def __init__(self, level: str, ladder: Ladder) -> None:
        self.traffic = Traffic()
        self._ladder = ladder
        self._held = Held(level, 0.0)
        self._costs: dict[str, Cost] = {}
        self._seen_at: dict[str, float] = {}
        self._surveyed_at = 0.0
        self._misses: deque[float] = deque(maxlen=USUAL)
        self._head_s: float | None = None
        self._tail_s: float | None = None

    @property
    def held(self) -> str:
        """The level in use."""
        return self._held.name

    def level(self, now: float, deadline_at: float, waiting: int) -> str:
        """The level for a frame whose head has run, with `waiting` bytes before it on the link.

        Until every level was looked at once the first one is held: no walk from each to the next that becomes known.
        """
        if any(name not in self._seen_at for name in self._ladder.names[: self._ladder.least]):
            return self._held.name
        self._held = pick(
            self._held,
            self._ladder,
            self._costs,
            self.traffic,
            now,
            left_s=deadline_at - now,
            other_s=self._tail_s or 0.0,
            waiting=waiting,
            noise_s=median(self._misses) if self._misses else 0.0,
        )
        return self._held.name

    def split_s(self, waiting: int) -> float | None:
        """What a frame that comes now is expected to take to its answer; None: not known yet."""
        cost = self._costs.get(self._held.name)
        carried = self.traffic.takes_s(round(cost.size), waiting) if cost else None
        if cost is None or carried is None or self._tail_s is None:
            return None
        return (self._head_s or 0.0) + cost.encode_s + cost.decode_s + carried + self._tail_s

    def unknown(self, now: float) -> str:
        """The level whose cost is to be looked at next; "": none now."""
        usable = self._ladder.names[: self._ladder.least]
        never = [name for name in usable if name not in self._seen_at]
        stale = [name for name in usable if self._seen_at.get(name, now) <= now - STALE_S]
        due = never or (stale if now - self._surveyed_at >= SURVEY_S else [])
        if not due:
            return ""
        self._seen_at[due[0]] = self._surveyed_at = now
        return due[0]

    def headed(self, took_s: float) -> None:
        """The head ran."""
        self._head_s = smoothed(self._head_s, took_s)

    def encoded(self, level: str, size: int, took_s: float, now: float) -> None:
        """A frame was encoded."""
        known = self._costs.get(level)
        if known:
            self._misses.append(abs(took_s - known.encode_s))
        self._costs[level] = known.seen(size, took_s) if known else Cost(size, took_s)
        self._seen_at[level] = now

    def passed(self, level: str, one: Transfer, decode_s: float) -> None:
        """A frame was answered by the tail."""
        self.traffic = self.traffic.passed(one)
        self._tail_s = smoothed(self._tail_s, max(0.0, one.server_s - decode_s))
        if known := self._costs.get(level):
            self._costs[level] = known.seen(round(known.size), known.encode_s, decode_s)

    def stalled(self, level: str, waited_s: float) -> None:
        """A frame was not answered within `waited_s` of its sending."""
        if known := self._costs.get(level):
            self.traffic = self.traffic.stalled(round(known.size), waited_s)

    def pinged(self, took_s: float) -> None:
        """An empty message went there and back."""
        self.traffic = self.traffic.pinged(took_s)

    def forget(self) -> None:
        """Another tail, another link: only what the device itself takes is still true."""
        self.traffic, self._tail_s = Traffic(), None
