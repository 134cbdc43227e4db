"""Which side answers a frame sooner, the tail or the device, as frames taught that went either way; pure."""

from __future__ import annotations

from edge_agent.choose import local_first, probe_after
from edge_agent.model import Goal
from edge_agent.rest import Rest

Times = tuple[float | None, float | None]

TRIALS, AGAIN_S = 3, 30.0  # frames that try the device one soon after the other, then one so often
SOON_S = 0.2  # between two of those
NEAR = 1.5  # times what the split takes: a device that is expected to be slower than that is not tried


class Sides:
    """Times are seconds that a frame takes which is alone under way, by the split and on the device; None: not known.

    Sums of stages are off on a device that is held up now and then, and by the split otherwise than on the device
    (`rest`). So both are tried: a frame the tail while the device is faster, and one the device while that might be.
    """

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._local_first = False
        self._rest = Rest()
        self._probe_at = 0.0
        self._trials, self._try_local_at = 0, 0.0

    @property
    def probe_at(self) -> float:
        """When a frame is next to try the tail although the device is faster."""
        return self._probe_at

    def local_first(self, expected: Times) -> bool:
        """Whether the device comes first. Frames that wait for the link are not to speak for the device."""
        faster = local_first(self._local_first, *self._with_rest(expected))
        self._local_first = self._goal is Goal.LATENCY and faster
        return self._local_first

    def try_local(self, expected: Times, now: float) -> bool:
        """Whether a frame at `now` is to try the device although the tail is expected to be faster."""
        split_s, local_s = self._with_rest(expected)
        if self._goal is not Goal.LATENCY or self._local_first or now < self._try_local_at:
            return False
        return split_s is not None and local_s is not None and local_s <= NEAR * split_s

    def tries_local(self, now: float) -> None:
        """A frame tries the device."""
        self._trials += 1
        self._try_local_at = now + (SOON_S if self._trials < TRIALS else AGAIN_S)

    def probes(self, expected: Times, now: float, *, settled: bool) -> None:
        """A frame tries the tail; `settled`: whether enough is known of what it takes."""
        self._probe_at = now + probe_after(*self._with_rest(expected), settled=settled)

    def split_took(self, seconds: float, expected: Times) -> None:
        """A frame that was alone was answered by the tail."""
        if expected[0] is not None:
            self._rest.split(seconds - expected[0])

    def local_took(self, seconds: float, expected: Times) -> None:
        """A frame that was alone was answered by the device, which it went to at once."""
        if expected[1] is not None:
            self._rest.local(seconds - expected[1])

    def _with_rest(self, expected: Times) -> Times:
        split_s, local_s = expected
        rest = self._rest.usual
        return None if split_s is None else split_s + rest[0], None if local_s is None else local_s + rest[1]
