"""By how much frames take longer than the sum of what is expected of their stages; pure.

A device that is busy or held to a quota is held up somewhere in a frame, but not in every stage: sums of what the
stages usually take are off, by the split otherwise than on the device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from statistics import fmean

USUAL = 8  # frames


class Rest:
    """Of frames that were alone under way, for a queue is no such time."""

    def __init__(self) -> None:
        self._split: deque[float] = deque(maxlen=USUAL)
        self._local: deque[float] = deque(maxlen=USUAL)

    def split(self, seconds: float) -> None:
        """A frame took so much longer by the split than was expected; below 0: less."""
        self._split.append(seconds)

    def local(self, seconds: float) -> None:
        """A frame took so much longer on the device than was expected."""
        self._local.append(seconds)

    @property
    def usual(self) -> tuple[float, float]:
        """By the split and on the device, seconds; 0 and 0 until both are known: one alone would count against it."""
        if not self._split or not self._local:
            return 0.0, 0.0
        return usual(self._split), usual(self._local)


def usual(took_s: Collection[float]) -> float:
    """The mean of the middle half: neither a cold start nor a moment's hold-up counts; 0 of none."""
    ordered, cut = sorted(took_s), len(took_s) // 4
    cut = cut or (len(took_s) - 1) // 2
    return fmean(ordered[cut : len(ordered) - cut]) if ordered else 0.0
