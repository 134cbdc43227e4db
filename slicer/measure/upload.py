"""What an input that is an image takes as raw uint8, as JPEG and as WebP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from common.codec import IMAGE_LEVELS, Level, encode, image_axis
from slicer.measure.between import message, received
from slicer.measure.document import Cost
from slicer.measure.judge import Judge
from slicer.measure.spread import timed
from slicer.pixels import Scaling, along

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[np.generic]


def upload_costs(
    inputs: Sequence[Array], scaling: Scaling, judge: Judge | None, slowdown: float, repeats: int
) -> tuple[Cost, ...]:
    """One cost for each level of images; none where the inputs are no single images of 1 or 3 channels.

    The edge scales pixels to what the model takes: that is part of decoding here.
    """
    axis = image_axis(inputs[0].shape) if inputs[0].dtype.name in ("float32", "uint8") else None
    if axis is None:
        return ()
    images = [_pixels(one, axis, scaling) for one in inputs]
    back = partial(_input, axis=axis, scaling=scaling, dtype=inputs[0].dtype)
    known = None if scaling.guessed else judge
    return tuple(_cost(images, level, back, known, slowdown, repeats) for level in IMAGE_LEVELS.values())


def _cost(
    images: Sequence[Floats],
    level: Level,
    back: Callable[[Floats], Array],
    judge: Judge | None,
    slowdown: float,
    repeats: int,
) -> Cost:
    sent = [message(encode(one, level)) for one in images]
    sizes, count = [len(one) for one in sent], len(images)

    def receive(run: int) -> Array:
        return back(received(sent[run % count], images[run % count]))

    return Cost(
        level.name,
        float(np.mean(sizes)),
        max(sizes),
        timed(lambda run: message(encode(images[run % count], level)), repeats).times(slowdown),
        timed(receive, repeats),
        level.lossless,
        judge.agreement([receive(run) for run in range(count)]) if judge else None,
    )


def _pixels(value: Array, axis: int, scaling: Scaling) -> Floats:
    """The pixels of an input, whole numbers from 0 to 255, laid out alike."""
    floats = np.asarray(value, np.float32)
    if value.dtype.kind == "f" and scaling.guessed:
        low = float(floats.min())
        floats = (floats - low) * (255 / ((float(floats.max()) - low) or 1.0))
    elif value.dtype.kind == "f":
        floats = (floats * along(scaling.std, axis) + along(scaling.mean, axis)) / scaling.scale
    return np.clip(np.rint(floats), 0, 255)


def _input(pixels: Floats, *, axis: int, scaling: Scaling, dtype: np.dtype[np.generic]) -> Array:
    if dtype.kind != "f":
        return pixels.astype(dtype)
    return (pixels * np.float32(scaling.scale) - along(scaling.mean, axis)) / along(scaling.std, axis)
