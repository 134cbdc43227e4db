"""Chooses the codec level of a frame: the one that is answered first, among those that keep enough of it; pure.

Levels that keep less than the bundle's default come into question only where no other would meet the deadline.
A level is left only for one that is better by a margin and by more than chance, and not before it was held for a
while: no to and fro among levels that are about as good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_agent.traffic import Traffic

GAIN = 0.1  # of what a frame takes: what another level must gain to be taken
ALIKE = 0.03  # levels that differ by less are equally fast: the one that keeps more is taken
HELD_S = 1.0  # how long a level is held, unless the deadline calls
WEIGHT = 0.15  # of the newest frame in what a level costs
CHANCE = 4.0  # times what coding is usually off: two levels that differ by less may be equally fast


@dataclass(frozen=True, slots=True)
class Cost:
    """What a level costs lately: payload bytes, and seconds to encode and to decode one frame."""

    size: float
    encode_s: float
    decode_s: float = 0.0

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
    """The level in use, and since when (seconds, monotonic)."""

    name: str
    since: float


def pick(
    held: Held, ladder: Ladder, costs: Mapping[str, Cost], link: Traffic, now: float, *, left_s: float, other_s: float,
    waiting: int = 0, noise_s: float = 0.0,
) -> Held:  # fmt: skip
    """The level for a frame at `now` that is to be answered within `left_s`.

    `other_s`: what the frame takes besides coding and the link (head, tail), seconds; `waiting`: bytes that are queued
    for the link; `noise_s`: by how much coding usually differs from what is expected. Levels without a cost are not
    considered; the held one stays while nothing is known of the link.
    """
    known = [name for name in ladder.names[: ladder.least] if name in costs]
    if link.goodput is None or held.name not in known:
        return held if held.name in ladder.names[: ladder.least] or not known else Held(known[0], now)
    rich = [name for name in ladder.names[: ladder.enough] if name in costs] or known
    takes = {name: _takes_s(costs[name], link, waiting) + other_s for name in known}
    if min(takes[name] for name in rich) > left_s:
        return _poorer(held, known, costs, link, now, left_s=left_s - other_s, waiting=waiting)
    best = _best(rich, takes)
    chance_s = CHANCE * noise_s + abs(costs[held.name].size - costs[best].size) * link.wavers
    stays = held.name in rich and not _worth(held, best, takes, now, left_s, chance_s)
    return held if stays else _to(held, best, now)


def _takes_s(cost: Cost, link: Traffic, waiting: int, *, careful: bool = False) -> float:
    carried = link.takes_s(round(cost.size), waiting, careful=careful)
    return cost.encode_s + cost.decode_s + (carried or 0.0)


def _best(names: Sequence[str], takes: Mapping[str, float]) -> str:
    """The first, hence richest, of those that are about as fast as the fastest."""
    fastest = min(takes[name] for name in names)
    return next(name for name in names if takes[name] <= fastest * (1 + ALIKE))


def _worth(held: Held, best: str, takes: Mapping[str, float], now: float, left_s: float, chance_s: float) -> bool:
    if takes[held.name] > left_s:
        return True
    return now - held.since >= HELD_S and takes[best] < takes[held.name] - max(GAIN * takes[held.name], chance_s)


def _poorer(
    held: Held, known: Sequence[str], costs: Mapping[str, Cost], link: Traffic, now: float, *, left_s: float,
    waiting: int,
) -> Held:  # fmt: skip
    """The richest level that meets the deadline, else the fastest; a lower one in use is kept for a while."""
    careful = {name: _takes_s(costs[name], link, waiting, careful=True) for name in known}
    fits = [name for name in known if careful[name] <= left_s]
    chosen = fits[0] if fits else min(known, key=lambda name: careful[name])
    below = known.index(held.name) > known.index(chosen)
    return (
        held if below and held.name in (fits or [held.name]) and now - held.since < HELD_S else _to(held, chosen, now)
    )


def _to(held: Held, name: str, now: float) -> Held:
    return held if name == held.name else replace(held, name=name, since=now)


def _toward(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)
