"""What was sent against what came out: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Frames by what is wrong with them, "source/frame"; `strange`: results of frames that nobody sent."""

    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.out_of_order or self.strange)


def check(sent: Mapping[str, Sequence[str]], results: Sequence[tuple[str, str]]) -> Verdict:
    """`sent`: frames by source in their order; `results`: (source, frame) in the order in which they were written."""
    counts = Counter(results)
    due = {(source, frame) for source, frames in sent.items() for frame in frames}
    return Verdict(
        lost=_names(one for one in sorted(due) if not counts[one]),
        twice=_names(one for one, count in counts.items() if count > 1),
        out_of_order=_names(_disordered(sent, results)),
        strange=_names(one for one in counts if one not in due),
    )


def _disordered(sent: Mapping[str, Sequence[str]], results: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Results that came after one of a later frame of their source."""
    place = {(source, frame): at for source, frames in sent.items() for at, frame in enumerate(frames)}
    latest: dict[str, int] = {}
    found = []
    for one in results:
        if one not in place:
            continue
        if place[one] < latest.get(one[0], -1):
            found.append(one)
        latest[one[0]] = max(place[one], latest.get(one[0], -1))
    return found


def _names(frames: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{source}/{frame}" for source, frame in frames)
