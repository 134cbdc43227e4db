"""The levels that an encoder can be asked for, by name: how many bits an element keeps, and who codes them."""

from __future__ import annotations

from dataclasses import dataclass

from common.codec.header import LOSSLESS

RAW, RAW_ZSTD, PACKED, ZSTD, RANS = 1, 2, 3, 4, 5
"""Codec ids, as they travel; never reused."""

BITS = (8, 6, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class Level:
    """A codec, and the bits that quantisation leaves an element; 32: none are lost."""

    name: str
    codec: int
    bits: int

    @property
    def lossless(self) -> bool:
        """Whether every element comes back as it was."""
        return self.bits == LOSSLESS


def _all() -> dict[str, Level]:
    found = [Level("raw", RAW, LOSSLESS), Level("raw-zstd", RAW_ZSTD, LOSSLESS)]
    for name, codec in (("packed", PACKED), ("zstd", ZSTD), ("rans", RANS)):
        found += [Level(f"{name}-{bits}", codec, bits) for bits in BITS]
    return {level.name: level for level in found}


LEVELS = _all()
"""Every level by name: raw, raw-zstd, and packed, zstd, rans with -8, -6, -5, -4, -3, -2."""
