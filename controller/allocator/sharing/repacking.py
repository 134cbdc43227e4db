"""Fewer segments: some are emptied, and their items find places on the others.

Ruin and recreate (Schrimpf et al. 2000), with ejection: an item that no segment takes as it is takes the place of
an easier one, which then looks for a place in turn. What is left opens segments; a round that ends with more
segments than it began with is undone.
"""

from collections.abc import Callable
from itertools import chain

import numpy as np

from controller.allocator.sharing.judging import Indices, Items, Judge, Limits
from controller.allocator.sharing.waiting import Array, likely_slacks

ROUNDS, ROUNDS_EACH, LEAST_ROUNDS = 1500, 7, 30  # at most; for a segment; at least
STEPS = 60  # items that a round moves
TWO = 0.3  # how often a round empties two segments, else one
SEEN = 80  # segments that an ejection looks at, drawn anew each time; an insertion looks at all, up to MOST_SEEN
MOST_SEEN = 300
TRIES = 8  # groups that are decided on, the most promising
LIKELY = 4.0  # Chernoff's bound, as a logarithm over the miss, below which a group mostly holds
THETAS = 32
EASIER = 0.98  # of an item's difficulty at most, that it may eject
TIRED = 0.3  # of its difficulty is added each time an item is ejected, so that others are
SEED = 1


def repacked(
    items: Items, limits: Limits, segments: list[list[int]], expired: Callable[[], bool] = lambda: False
) -> list[list[int]]:
    """The same items on as many segments or fewer, each of which holds; the same each time unless time is up."""
    judge, draw = Judge(items, limits, THETAS), np.random.default_rng(SEED)
    difficulty = items.load.latencies / np.maximum(likely_slacks(items.load, limits.miss), 1e-9)
    found = segments
    for _ in range(min(ROUNDS, max(LEAST_ROUNDS, ROUNDS_EACH * len(segments)))):
        if len(found) < 2 or expired():
            break
        tried = _Round(judge, difficulty, draw, [list(one) for one in found]).run()
        if len(tried) <= len(found):
            found = tried
    return found


class _Round:
    """Segments without those that were emptied, and the items that look for a place."""

    def __init__(self, judge: Judge, difficulty: Array, draw: np.random.Generator, segments: list[list[int]]) -> None:
        self._judge, self._draw = judge, draw
        self._segments = segments
        self._difficulty = difficulty
        self._preferred = difficulty.copy()  # to eject: the lower the better
        self._waiting: list[int] = []

    def run(self) -> list[list[int]]:
        """All the items' segments."""
        for _ in range(2 if len(self._segments) > 2 and self._draw.random() < TWO else 1):
            odds = np.array([1 / len(one) ** 2 for one in self._segments])
            self._waiting += self._segments.pop(int(self._draw.choice(len(odds), p=odds / odds.sum())))
        for _ in range(STEPS):
            if not self._waiting:
                break
            item = max(self._waiting, key=lambda one: (self._difficulty[one], one))
            if not (self._insert(item) or self._eject_for(item)):
                break
        return self._segments + self._opened()

    def _insert(self, item: int) -> bool:
        """On the fullest segment that takes it."""
        rows = self._drawn(MOST_SEEN)
        groups = np.column_stack([self._groups(rows), np.full(len(rows), item)])
        able = np.flatnonzero(self._judge.has_memory(groups))
        rows, exponents = rows[able], self._judge.exponents(groups[able], LIKELY)
        likely = np.flatnonzero(exponents < LIKELY)
        for at in likely[np.argsort(-exponents[likely], kind="stable")][:TRIES]:
            segment = self._segments[rows[at]]
            if self._judge.holds([*segment, item]):
                segment.append(item)
                self._waiting.remove(item)
                return True
        return False

    def _eject_for(self, item: int) -> bool:
        """In the place of the easiest item that it can replace, which then waits."""
        rows = self._drawn(SEEN)
        members = self._groups(rows)
        easier = np.append(self._difficulty, np.inf)[members] < EASIER * self._difficulty[item]
        row, column = np.nonzero(easier)
        if not len(row):
            return False
        groups = members[row]
        groups[np.arange(len(row)), column] = item
        able = np.flatnonzero(self._judge.has_memory(groups))
        likely = able[self._judge.exponents(groups[able], LIKELY) < LIKELY]
        out = members[row, column]
        for at in likely[np.argsort(self._preferred[out[likely]], kind="stable")][:TRIES]:
            segment = [int(one) for one in groups[at] if one != self._judge.nobody]
            if self._judge.holds(segment):
                self._segments[rows[row[at]]] = segment
                self._waiting.remove(item)
                self._waiting.append(int(out[at]))
                self._preferred[out[at]] += TIRED * self._difficulty[out[at]]
                return True
        return False

    def _drawn(self, most: int) -> Indices:
        """Indices of segments, ascending."""
        count = len(self._segments)
        if count <= most:
            return np.arange(count)
        return np.sort(self._draw.choice(count, most, replace=False))

    def _groups(self, rows: Indices) -> Indices:
        chosen = [self._segments[row] for row in rows]
        counts = np.array([len(one) for one in chosen], dtype=np.intp)
        groups = np.full((len(rows), int(counts.max(initial=0))), self._judge.nobody)
        groups[np.arange(groups.shape[1]) < counts[:, None]] = [*chain.from_iterable(chosen)]
        return groups

    def _opened(self) -> list[list[int]]:
        """Segments for what still waits, the hardest first."""
        opened: list[list[int]] = []
        for item in sorted(self._waiting, key=lambda one: (-self._difficulty[one], one)):
            for segment in opened:
                if self._judge.holds([*segment, item]):
                    segment.append(item)
                    break
            else:
                opened.append([item])
        return opened
