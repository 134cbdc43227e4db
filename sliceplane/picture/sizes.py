"""How large things are drawn, by the number of GPUs."""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY_ONLY = 0.45  # a slot without a compute slice is so much narrower
MARGIN = 24.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Pixels, but for the columns."""

    columns: int
    cell: float  # width of a slot
    row: float  # height of a GPU
    gap: float  # between rows; between columns it is MARGIN
    font: float

    def x(self, slot: int, compute: int) -> float:
        """The left edge of a slot from the left edge of its GPU."""
        return self.cell * (min(slot, compute) + MEMORY_ONLY * max(0, slot - compute))

    @property
    def lines(self) -> int:
        """Lines of text in a block."""
        return 2 if self.row >= self.font * 2.6 else 1


def sizes_for(gpus: int) -> Sizes:
    """Roomy for a few GPUs, a grid for many."""
    if gpus <= 8:
        return Sizes(columns=1, cell=112.0, row=46.0, gap=10.0, font=12.0)
    if gpus <= 32:
        return Sizes(columns=2, cell=86.0, row=40.0, gap=8.0, font=10.0)
    columns = max(4, round(math.sqrt(gpus / 7)))
    return Sizes(columns=columns, cell=50.0, row=28.0, gap=5.0, font=8.5)
