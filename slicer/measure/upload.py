"""What an input that is an image takes as raw uint8, as JPEG and as WebP."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from protos.sliceplane.tail.v1 import tail_pb2
from slicer.measure.document import Cost
from slicer.measure.judge import Judge
from slicer.measure.spread import timed
from slicer.pixels import Scaling, along

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.generic]
Form = tuple[str, Callable[[Pixels], bytes], Callable[[bytes], Pixels], bool]
"""Name, coding, its undoing, and whether nothing is lost."""

QUALITIES = (("jpeg", 95), ("jpeg", 85), ("jpeg", 75), ("jpeg", 50), ("webp", 90), ("webp", 75))


def upload_costs(
    inputs: Sequence[Array], scaling: Scaling, judge: Judge | None, slowdown: float, repeats: int
) -> tuple[Cost, ...]:
    """One cost for raw uint8 and each quality; none where the inputs are no single images of 1 or 3 channels."""
    axis = _channels(inputs[0])
    if axis is None:
        return ()
    images = [_pixels(one, axis, scaling) for one in inputs]
    back = partial(_input, axis=axis, scaling=scaling, dtype=inputs[0].dtype)
    forms: list[Form] = [("u8", _raw, partial(_unraw, shape=images[0].shape), True)]
    forms += [(f"{form}-{quality}", partial(_compressed, form, quality), _decompressed, False)
              for form, quality in QUALITIES]  # fmt: skip
    return tuple(_cost(images, form, back, None if scaling.guessed else judge, slowdown, repeats) for form in forms)


def _cost(
    images: Sequence[Pixels],
    form: Form,
    back: Callable[[Pixels], Array],
    judge: Judge | None,
    slowdown: float,
    repeats: int,
) -> Cost:
    name, pack, unpack, lossless = form
    sent = [_message(pack(one)) for one in images]
    sizes, count = [len(one) for one in sent], len(images)

    def receive(message: bytes) -> Array:
        return back(unpack(tail_pb2.Activation.FromString(message).payload))

    return Cost(
        name,
        float(np.mean(sizes)),
        max(sizes),
        timed(lambda run: _message(pack(images[run % count])), repeats).times(slowdown),
        timed(lambda run: receive(sent[run % count]), repeats),
        lossless,
        judge.agreement([receive(one) for one in sent]) if judge else None,
    )


def _message(payload: bytes) -> bytes:
    return tail_pb2.Activation(sequence=1, payload=payload).SerializeToString()


def _channels(value: Array) -> int | None:
    """The axis of the channels of one image; None: it is none, or there are several."""
    if value.ndim != 4 or value.shape[0] != 1 or value.dtype.name not in ("float32", "uint8"):
        return None
    return next((axis for axis in (1, 3) if value.shape[axis] in (1, 3)), None)


def _pixels(value: Array, axis: int, scaling: Scaling) -> Pixels:
    """H×W×C of an input."""
    if value.dtype.kind == "f":
        floats = np.asarray(value, np.float32)
        if scaling.guessed:
            low = float(floats.min())
            floats = (floats - low) * (255 / ((float(floats.max()) - low) or 1.0))
        else:
            floats = (floats * along(scaling.std, axis) + along(scaling.mean, axis)) / scaling.scale
        value = np.clip(np.rint(floats), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(value[0], axis - 1, -1), np.uint8)


def _input(pixels: Pixels, *, axis: int, scaling: Scaling, dtype: np.dtype[np.generic]) -> Array:
    value = np.ascontiguousarray(np.moveaxis(pixels, -1, axis - 1)[None])
    if dtype.kind != "f":
        return value
    floats = value.astype(np.float32) * np.float32(scaling.scale)
    return (floats - along(scaling.mean, axis)) / along(scaling.std, axis)


def _raw(pixels: Pixels) -> bytes:
    return pixels.tobytes()


def _unraw(payload: bytes, *, shape: tuple[int, ...]) -> Pixels:
    return np.frombuffer(payload, np.uint8).reshape(shape)


def _compressed(form: str, quality: int, pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(plain).save(buffer, form.upper(), quality=quality)
    return buffer.getvalue()


def _decompressed(payload: bytes) -> Pixels:
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(payload))))
