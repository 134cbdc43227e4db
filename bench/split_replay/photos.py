"""Photographs that scikit-image ships, cut to squares: what codecs are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "retina.jpg")


def photos(side: int) -> list[Pixels]:
    """The middle squares, side×side×3, RGB."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [_square(Image.open(folder / name).convert("RGB"), side) for name in NAMES]


def _square(image: Image.Image, side: int) -> Pixels:
    short = min(image.size)
    left, top = ((size - short) // 2 for size in image.size)
    cropped = image.crop((left, top, left + short, top + short))
    return np.asarray(cropped.resize((side, side), Image.Resampling.BICUBIC))
