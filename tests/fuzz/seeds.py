"""Where fuzzing starts: what the encoder itself writes, every level on tensors of several kinds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from common.codec import ALL_LEVELS, IMAGE_LEVELS, encode

SHAPES: tuple[tuple[int, ...], ...] = (
    (), (0,), (5,), (3, 40), (1, 3, 8, 8), (1, 16, 8, 8), (1, 40, 4, 6), (2, 2, 3, 3, 3), (1, 32, 16, 16),
)  # fmt: skip
IMAGES: tuple[tuple[int, ...], ...] = ((1, 3, 40, 48), (1, 48, 40, 3), (1, 1, 56, 60))


def seeds() -> Iterator[tuple[str, bytes]]:
    """A name and a payload for every level and shape, images at their levels too."""
    for number, shape in enumerate(SHAPES):
        for name, level in ALL_LEVELS.items():
            yield f"{name}-{number}", encode(_tensor(shape, number), level)

    for number, shape in enumerate(IMAGES):
        for name, level in IMAGE_LEVELS.items():
            yield f"{name}-image-{number}", encode(_image(shape), level)


def _image(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Smooth enough that JPEG and WebP are smaller than bytes."""
    slopes = np.arange(np.prod(shape)).reshape(shape) // 7 % 256
    return slopes.astype(np.float32)


def _tensor(shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    """Channels that differ, and many zeros, so that histograms and ranges are several."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.01, 30, shape[1:2] + (1,) * (len(shape) - 2)) if len(shape) > 1 else 1.0
    return np.asarray(np.maximum(rng.normal(size=shape), 0) * scale, np.float32)
