"""Decides per frame: split or local, and until when the tail may take; pure.

The tail gets as long as the device could still answer by itself before the deadline. A tail that misses that three
times in a row is left alone, but for one frame now and then that tries whether it is back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_agent.model import Mode, Reason, Where

MISSES = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
LEAD = 0.1  # by how much one way must be faster to take the place of the other
PROBES = 0.05  # of the time: what frames that try the link may lose while the device is faster,
OFTEST_S, PROBE_S = 0.2, 2.0  # but so long is between two at least, and at most
MARGIN, SLACK_S = 1.25, 0.02  # a local run takes now and then longer than it usually does, and must be begun


@dataclass(frozen=True, slots=True)
class Trust:
    """What the last frames taught about the tail; `late`: it does answer, but too late."""

    misses: int = 0
    late: bool = False
    pause_s: float = FIRST_PAUSE_S
    trial_at: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether frames are kept from the tail."""
        return self.misses >= MISSES

    def answered(self) -> Trust:
        """After an answer in time."""
        return Trust()

    def missed(self, now: float) -> Trust:
        """After a frame that had to be given up at `now`."""
        misses = self.misses + 1
        if misses <= MISSES:
            return replace(self, misses=misses, trial_at=now + self.pause_s)
        pause = min(LONGEST_PAUSE_S, 2 * self.pause_s)
        return replace(self, misses=misses, pause_s=pause, trial_at=now + pause)

    def answered_late(self) -> Trust:
        """After an answer to a frame that had been given up."""
        return replace(self, late=True)

    def trying(self, now: float) -> Trust:
        """After a frame was sent off to try, at `now`."""
        return replace(self, trial_at=now + self.pause_s)


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the tail now. `barred`: why no frame can be sent at all, if so."""

    barred: Reason | None
    trust: Trust
    split_s: float | None = None
    """What a frame takes by the split, from arrival to answer, seconds; None: not known yet."""
    local_s: float | None = None
    """What the whole model takes on the device, seconds; None: not known yet."""
    local_first: bool = False
    """Whether the device answers sooner, as `local_first` has it."""
    probe_at: float = 0.0
    """When a frame is next sent over the link although the device is faster, to see whether that still holds."""
    try_local: bool = False
    """Whether a frame is to try the device although the tail is expected to be faster."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a frame goes first; `reason` if that is local; `trial`: it tries the side that is not in favour."""

    where: Where
    reason: Reason | None = None
    trial: bool = False


def choose(mode: Mode, link: Link, now: float, deadline_at: float) -> Choice:
    """Where to send a frame at `now` (seconds, monotonic) that is to be answered by `deadline_at`."""
    if mode is Mode.LOCAL:
        return Choice(Where.LOCAL, Reason.LOCAL_MODE)
    if mode is Mode.SPLIT:
        return Choice(Where.SPLIT)
    if link.barred:
        return Choice(Where.LOCAL, link.barred)
    doubt = _doubt(link, now, deadline_at)
    if doubt is None and link.local_first and now + reserve(link.local_s) <= deadline_at:
        doubt = Reason.LOCAL_FASTER
    if doubt is None:
        tried = link.try_local and now + reserve(link.local_s) <= deadline_at
        return Choice(Where.LOCAL, Reason.LOCAL_FASTER, trial=True) if tried else Choice(Where.SPLIT)
    if now >= (link.probe_at if doubt is Reason.LOCAL_FASTER else link.trust.trial_at):
        return Choice(Where.SPLIT, trial=True)
    return Choice(Where.LOCAL, doubt)


def _doubt(link: Link, now: float, deadline_at: float) -> Reason | None:
    if link.trust.broken:
        return Reason.DEADLINE if link.trust.late else Reason.TAIL_UNREACHABLE
    if link.split_s is None:
        return None
    local = reserve(link.local_s)
    in_time_locally = now + local <= deadline_at
    # Where the device alone is too slow anyway there is nothing to hold back for.
    last = deadline_at - local if in_time_locally else deadline_at
    return Reason.DEADLINE if now + link.split_s > last else None


def local_first(was: bool, split_s: float | None, local_s: float | None) -> bool:
    """Whether the device answers sooner than the tail; it takes a tenth to change what `was` so."""
    if split_s is None or local_s is None:
        return False
    return local_s < split_s * (1 + LEAD) if was else local_s * (1 + LEAD) < split_s


def probe_after(split_s: float | None, local_s: float | None, *, settled: bool) -> float:
    """Seconds to the next frame that tries the link while the device is faster: the less it loses the sooner.

    `settled`: whether enough is known of the split; else soon.
    """
    if not settled:
        return OFTEST_S
    lost_s = (split_s or 0.0) - (local_s or 0.0)
    return min(PROBE_S, max(OFTEST_S, lost_s / PROBES))


def reserve(local_s: float | None) -> float:
    """Seconds to hold back for a local run; nothing as long as its time is not known."""
    return 0.0 if local_s is None else MARGIN * local_s + SLACK_S


def give_up_times(
    spans: Sequence[tuple[float, float]], local_s: float | None, *, doubt: bool, now: float = 0.0
) -> list[float]:
    """Until when each frame in flight may wait for the tail; `spans`: (arrived, deadline), deadlines ascending.

    All may have to run locally, one after the other, so each makes room for those behind it (latest starts, from the
    last one backwards). As long as the tail is not in doubt that takes no more than half of a frame's time. A frame
    that the device could not answer by its deadline even now waits to the deadline.
    """
    room = reserve(local_s)
    found: list[float] = []
    behind = float("inf")
    for arrived, deadline in reversed(spans):
        if deadline - room < now:
            found.append(deadline)
            continue
        start = min(deadline, behind) - room
        if not doubt:
            start = min(deadline - room, max(start, (arrived + deadline) / 2))
        found.append(start)
        behind = start
    return found[::-1]


def smoothed(old: float | None, new: float, *, weight: float = 0.2) -> float:
    """An exponential moving average that begins with its first value."""
    return new if old is None else old + weight * (new - old)
