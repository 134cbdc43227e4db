"""Which codec levels make sense at a cut: those of images only where an image is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from common.codec import ALL_LEVELS, IMAGE_LEVELS, LEVELS, Level, image_axis
from slicer.model import SlicerError, Tensor
from slicer.samples import Arrays


def is_image(about: Tensor, samples: Sequence[Arrays] = ()) -> bool:
    """Whether an input is one image of 1 or 3 channels (an open batch counts as one) and holds whole numbers 0 to 255.

    A float input does if there are `samples`, and all of them.
    """
    shape = about.shape or ()
    first = tuple(size if isinstance(size, int) else 1 if axis == 0 else 0 for axis, size in enumerate(shape))
    if image_axis(first) is None:
        return False
    return about.dtype == "uint8" or (bool(samples) and all(_bytes(sample[about.name]) for sample in samples))


def levels(image: bool) -> Mapping[str, Level]:
    """The levels to offer, by name."""
    return ALL_LEVELS if image else LEVELS


def check(level: str, image: bool) -> None:
    """Raises SlicerError unless the level is offered there."""
    if level not in ALL_LEVELS:
        raise SlicerError(f'there is no level "{level}"; levels are {", ".join(ALL_LEVELS)}')
    if level in IMAGE_LEVELS and not image:
        raise SlicerError(
            f'level "{level}" is for images: cut at "input" a model of one image of 1 or 3 channels that is uint8, or '
            "whole numbers from 0 to 255 in all of --calibrate; --input-scale and the like make it uint8"
        )


def _bytes(value: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    floats = np.asarray(value, np.float32)
    with np.errstate(invalid="ignore"):
        return bool(np.array_equal(floats.astype(np.uint8), floats))
