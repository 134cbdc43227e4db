"""Who goes next where only the newest frame of each source counts: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.queue.model import Waiting


@dataclass(frozen=True, slots=True)
class Turn:
    """`order`: the newest frame of each source; `skipped`: all before these, in their order.

    `since`: by source, the first frame that came after its last turn, skipped or not.
    """

    order: tuple[Waiting, ...]
    skipped: tuple[Waiting, ...]
    since: Mapping[str, int]


def newest_first(waiting: Sequence[Waiting], since: Mapping[str, int]) -> Turn:
    """Whose turn it is among `waiting`, in the order of admission; `since` as the turn before left it.

    The source that has waited longest goes first. Its place is kept while its frames are skipped: else one that
    sends often would always be the last to have come, and never be answered.
    """
    newest: dict[str, Waiting] = {}
    skipped: list[Waiting] = []
    first: dict[str, int] = {}
    for frame in waiting:
        first.setdefault(frame.source, min(frame.sequence, since.get(frame.source, frame.sequence)))
        if frame.source in newest:
            skipped.append(newest[frame.source])
        newest[frame.source] = frame
    order = sorted(newest.values(), key=lambda frame: first[frame.source])
    return Turn(tuple(order), tuple(sorted(skipped, key=lambda frame: frame.sequence)), first)
