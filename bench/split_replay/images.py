"""What a photograph takes as JPEG and WebP: bytes, and the time to encode and decode it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from PIL import Image

from bench.split_replay.photos import Pixels

QUALITIES = (("JPEG", 95), ("JPEG", 85), ("JPEG", 75), ("JPEG", 50), ("WEBP", 90), ("WEBP", 75))
REPEATS = 9


@dataclass(frozen=True, slots=True)
class ImageCost:
    """Means over the photographs: bytes, and ms here (median of the repeats)."""

    level: str
    size: float
    encode_ms: float
    decode_ms: float


def measure(pixels: Sequence[Pixels]) -> list[ImageCost]:
    """One entry a form and quality."""
    return [_cost(pixels, form, quality) for form, quality in QUALITIES]


def _cost(pixels: Sequence[Pixels], form: str, quality: int) -> ImageCost:
    rows = [_one(one, form, quality) for one in pixels]
    size, encode_ms, decode_ms = (float(np.mean(column)) for column in zip(*rows, strict=True))
    return ImageCost(f"{form.lower()}-{quality}", size, encode_ms, decode_ms)


def _one(pixels: Pixels, form: str, quality: int) -> tuple[int, float, float]:
    encode, decode, content = [], [], b""
    for _ in range(REPEATS):
        start = perf_counter()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, form, quality=quality)
        content = buffer.getvalue()
        middle = perf_counter()
        np.asarray(Image.open(io.BytesIO(content)))
        encode.append(middle - start)
        decode.append(perf_counter() - middle)
    return len(content), median(encode) * 1e3, median(decode) * 1e3
