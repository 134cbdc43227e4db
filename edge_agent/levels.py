"""Chooses the codec level of a frame: the one that is answered first, among those that keep enough of it; pure.

Levels that keep less than the bundle's default come into question only where no other would meet the deadline.
A level is left only for one that is better by a margin and by more than chance, was so for a while, or is much better:
no to and fro among levels that are about as good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_agent.traffic import Traffic

GAIN, GAIN_S = 0.1, 0.003  # of what a frame takes, and seconds: what another level must gain to be taken
LARGE = 0.3  # of what a frame takes: such a gain need not last
LASTS_S = 0.5  # how long a smaller gain must be there
ROOM = 0.8  # of the time that is left: what a richer level may take to come back
ALIKE = 0.03  # levels that differ by less are equally fast: the one that keeps more is taken
HELD_S = 1.0  # how long a level is held, unless the deadline calls
WEIGHT = 0.15  # of the newest frame in what a level costs
CHANCE = 2.0  # times what single transfers are usually off: two levels that differ by less may be equally fast


@dataclass(frozen=True, slots=True)
class Cost:
    """What a level costs lately: payload bytes, seconds of the device's work to encode and to decode one frame."""

    size: float
    encode_s: float
    decode_s: float = 0.0

    def takes_s(self, line: tuple[float, float], slowness: float) -> float:
        """Coding and the link, seconds; `line`: the link's for any bytes and for each; `slowness`: of the device."""
        return line[0] + self.size * line[1] + self.encode_s * slowness + self.decode_s

    def seen(self, size: int, encode_s: float, decode_s: float | None = None) -> Cost:
        """After one more frame; `decode_s` None: not seen this time."""
        decode = self.decode_s if decode_s is None else _toward(self.decode_s, decode_s)
        return Cost(_toward(self.size, size), _toward(self.encode_s, encode_s), decode)


@dataclass(frozen=True, slots=True)
class Ladder:
    """The levels that a bundle offers, by name, those that keep most first; `enough`: how many of them keep enough.

    `least`: how many may be used at all.
    """

    names: tuple[str, ...]
    enough: int
    least: int


@dataclass(frozen=True, slots=True)
class Held:
    """The level in use, and since when (seconds, monotonic); `rivalled`: since when another one is better, if so."""

    name: str
    since: float
    rivalled: float | None = None


def pick(
    held: Held, ladder: Ladder, costs: Mapping[str, Cost], link: Traffic, now: float, *, left_s: float, other_s: float,
    waiting: int = 0, slowness: float = 1.0,
) -> Held:  # fmt: skip
    """The level for a frame at `now` that is to be answered within `left_s`.

    `other_s`: what the frame takes besides coding and the link (head, tail), seconds; `waiting`: bytes that are queued
    for the link; `slowness`: seconds that a second of the device's work takes. Levels without a cost are not
    considered; the held one stays while nothing is known of the link.
    """
    known = [name for name in ladder.names[: ladder.least] if name in costs]
    line = link.line(waiting)
    if line is None or held.name not in known:
        return held if held.name in ladder.names[: ladder.least] or not known else Held(known[0], now)
    rich = [name for name in ladder.names[: ladder.enough] if name in costs] or known
    takes = {name: costs[name].takes_s(line, slowness) + other_s for name in known}
    room_s = left_s if held.name in rich else ROOM * left_s
    if min(takes[name] for name in rich) > room_s:
        careful = link.line(waiting, careful=True) or line
        low = {name: costs[name].takes_s(careful, slowness) for name in known}
        return _poorer(held, known, low, now, left_s=left_s - other_s)
    best = _best(rich, takes)
    if held.name not in rich or takes[held.name] > left_s:
        return _to(held, best, now)
    chance_s = CHANCE * abs(costs[held.name].size - costs[best].size) * link.wavers
    return _challenged(held, best, takes, now, chance_s)


def _best(names: Sequence[str], takes: Mapping[str, float]) -> str:
    """The first, hence richest, of those that are about as fast as the fastest."""
    fastest = min(takes[name] for name in names)
    return next(name for name in names if takes[name] <= fastest * (1 + ALIKE))


def _challenged(held: Held, best: str, takes: Mapping[str, float], now: float, chance_s: float) -> Held:
    usual, gain = takes[held.name], takes[held.name] - takes[best]
    if gain <= max(GAIN * usual, GAIN_S, chance_s):
        return replace(held, rivalled=None)
    since = now if held.rivalled is None else held.rivalled
    if now - held.since >= HELD_S and (gain > LARGE * usual or now - since >= LASTS_S):
        return _to(held, best, now)
    return replace(held, rivalled=since)


def _poorer(held: Held, known: Sequence[str], careful: Mapping[str, float], now: float, *, left_s: float) -> Held:
    """The richest level that meets the deadline, else the fastest; a lower one in use is kept for a while."""
    fits = [name for name in known if careful[name] <= left_s]
    chosen = fits[0] if fits else min(known, key=lambda name: careful[name])
    if not fits and careful[held.name] <= careful[chosen] * (1 + GAIN):
        return held
    poorest = known.index(held.name)
    if known.index(chosen) >= poorest or (fits and held.name not in fits):
        return _to(held, chosen, now)
    roomy = [name for name in known[:poorest] if careful[name] <= ROOM * left_s]
    return _to(held, roomy[0], now) if roomy and now - held.since >= HELD_S else held


def _to(held: Held, name: str, now: float) -> Held:
    return held if name == held.name else Held(name, now)


def _toward(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)
