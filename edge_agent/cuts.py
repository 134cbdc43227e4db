"""Chooses the cut that the next frames take, among bundles of one model; pure.

Seldom: another cut needs its pipeline warmed, and what is expected of it was seen less often than what is used. So it
must be expected to gain a margin, all the time for a while, and a cut is then kept for longer than a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

GAIN, GAIN_S = 0.15, 0.005  # of what a frame takes, and seconds: what another cut must gain at least
LASTS_S = 1.0  # how long it must do so; a cut that cannot be used any more is left at once
HELD_S = 5.0  # how long a cut is kept, unless another one gains a lot:
LARGE = 0.5  # of what a frame takes


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cut in use, by its bundle's digest, and since when; `rivalled`: since when another is better, if so."""

    cut: str
    since: float
    rivalled: float | None = None


def choose_cut(chosen: Chosen, takes: Mapping[str, float | None], now: float) -> Chosen:
    """The cut for frames from `now` on, seconds.

    `takes`: what a frame is expected to take by each cut, seconds; None: not known, or it cannot be used now.
    """
    known = {cut: seconds for cut, seconds in takes.items() if seconds is not None}
    if not known:
        return replace(chosen, rivalled=None)
    best, usual = min(known, key=lambda cut: known[cut]), known.get(chosen.cut)
    if usual is None:
        return Chosen(best, now)
    gain = usual - known[best]
    if gain <= max(GAIN * usual, GAIN_S):
        return replace(chosen, rivalled=None)
    since = now if chosen.rivalled is None else chosen.rivalled
    if now - since >= LASTS_S and (now - chosen.since >= HELD_S or gain >= LARGE * usual):
        return Chosen(best, now)
    return replace(chosen, rivalled=since)
