"""Colours that colour-blind people tell apart, with hatching once they run out.

Source: Okabe and Ito, "Color Universal Design" (2008), its black left out and a grey added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#D55E00", "#B3B3B3")
HATCHES = ("", "rising", "falling", "dots", "upright", "level", "crossed")
INK, PAPER, FAINT, MUTED = "#1A1A1A", "#FFFFFF", "#F3F3F3", "#6B6B6B"
LINE = "#C9C9C9"


@dataclass(frozen=True, slots=True)
class Look:
    """How a workload is painted."""

    fill: str
    hatch: str

    @property
    def ink(self) -> str:
        """The text colour of the better contrast."""
        return INK if luminance(self.fill) > 0.18 else PAPER


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name: all colours plain, then hatched; after the last hatching they repeat."""
    return {
        name: Look(COLOURS[index % len(COLOURS)], HATCHES[index // len(COLOURS) % len(HATCHES)])
        for index, name in enumerate(names)
    }


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1. Source: WCAG 2.1."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
