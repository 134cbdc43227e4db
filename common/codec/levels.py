"""The levels that an encoder can be asked for, by name: how many bits an element keeps, and who codes them."""

from __future__ import annotations

from dataclasses import dataclass

from common.codec.header import LOSSLESS

RAW, RAW_ZSTD, PACKED, ZSTD, RANS, U8, U8_ZSTD, JPEG, WEBP = 1, 2, 3, 4, 5, 6, 7, 8, 9
"""Codec ids, as they travel; never reused. From U8 on elements are uint8."""

BITS = (8, 6, 5, 4, 3, 2)
BYTE = 8


@dataclass(frozen=True, slots=True)
class Level:
    """A codec, and the bits that quantisation leaves an element; 32: none are lost. `quality`: of JPEG and WebP.

    `kept`: how much is kept, to compare levels with each other: bits of an element, for a quality those of the
    quantiser that spoils photographs about as much (PSNR), and 32 where nothing is lost.
    """

    name: str
    codec: int
    bits: int
    kept: float
    quality: int = 0

    @property
    def lossless(self) -> bool:
        """Whether every element comes back as it was."""
        return self.kept == LOSSLESS


def _any() -> dict[str, Level]:
    found = [Level("raw", RAW, LOSSLESS, LOSSLESS), Level("raw-zstd", RAW_ZSTD, LOSSLESS, LOSSLESS)]
    for name, codec in (("packed", PACKED), ("zstd", ZSTD), ("rans", RANS)):
        found += [Level(f"{name}-{bits}", codec, bits, bits) for bits in BITS]
    return {level.name: level for level in found}


def _image() -> dict[str, Level]:
    found = [Level("u8", U8, BYTE, LOSSLESS), Level("u8-zstd", U8_ZSTD, BYTE, LOSSLESS)]
    for name, codec, quality, kept in (
        ("jpeg", JPEG, 95, 4.4), ("jpeg", JPEG, 85, 3.9), ("jpeg", JPEG, 75, 3.7), ("jpeg", JPEG, 50, 3.4),
        ("webp", WEBP, 90, 4.3), ("webp", WEBP, 75, 3.8), ("webp", WEBP, 50, 3.6),
    ):  # fmt: skip
        found.append(Level(f"{name}-{quality}", codec, BYTE, kept, quality))
    return {level.name: level for level in found}


LEVELS = _any()
"""Those for any tensor, by name: raw, raw-zstd, and packed, zstd, rans with -8, -6, -5, -4, -3, -2."""

IMAGE_LEVELS = _image()
"""Those for images, whole numbers from 0 to 255, by name: u8, u8-zstd, jpeg-95, -85, -75, -50, webp-90, -75, -50."""

ALL_LEVELS = LEVELS | IMAGE_LEVELS
"""Every level by name."""
