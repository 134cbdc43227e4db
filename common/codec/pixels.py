"""Tensors whose elements are whole numbers from 0 to 255, coded a byte each or as an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.codec import header, levels, ranges, registry
from common.codec.errors import CodecError, Fault
from common.codec.header import Header
from common.codec.levels import Level

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def image_axis(shape: tuple[int, ...]) -> int | None:
    """The axis of the channels of one image, 1×C×H×W or 1×H×W×C with 1 or 3 channels; None: it is none."""
    if len(shape) != 4 or shape[0] != 1:
        return None
    return next((axis for axis in (1, 3) if shape[axis] in (1, 3)), None)


def encode(values: Floats, level: Level) -> bytes | None:
    """The smallest of that level and plain bytes; None: an element is no whole number from 0 to 255. -0 becomes 0."""
    with np.errstate(invalid="ignore"):
        found = values.astype(np.uint8)
    if not np.array_equal(found.astype(np.float32), values):
        return None
    plain = _payload(levels.U8, found.shape, None, found.tobytes())
    if level.codec == levels.U8:
        return plain
    other = _coded(found, level)
    return other if other and len(other) < len(plain) else plain


def decode(head: Header, codec: registry.Bytes | registry.Picture, body: memoryview) -> Floats:
    """The tensor that `encode` was given, as float32. Raises CodecError."""
    if head.element != header.UINT8 or head.form != ranges.NONE:
        raise CodecError(
            Fault.CORRUPT, f"codec {head.codec} codes uint8 without clip ranges, the header says otherwise"
        )
    if isinstance(codec, registry.Bytes):
        return codec.unpack(body, head.elements).reshape(head.shape).astype(np.float32)
    if len(head.shape) != 4 or head.shape[0] != 1 or head.axis not in (1, 3) or head.channels not in (1, 3):
        raise CodecError(Fault.CORRUPT, "an image is 1×C×H×W or 1×H×W×C with 1 or 3 channels")
    height, width = (size for axis, size in enumerate(head.shape[1:], 1) if axis != head.axis)
    pixels = codec.unpack(body, (height, width, head.channels))
    return np.ascontiguousarray(np.moveaxis(pixels, -1, head.axis - 1)[None], np.float32)


def _coded(found: Bytes, level: Level) -> bytes | None:
    codec = registry.find(level.codec, level.bits)
    if isinstance(codec, registry.Bytes):
        return _payload(level.codec, found.shape, None, codec.pack(found))
    axis = image_axis(found.shape)
    if axis is None or not isinstance(codec, registry.Picture):
        return None
    body = codec.pack(np.moveaxis(found[0], axis - 1, -1), level.quality)
    return _payload(level.codec, found.shape, axis, body) if body else None


def _payload(codec: int, shape: tuple[int, ...], axis: int | None, body: bytes) -> bytes:
    return header.pack(Header(codec, levels.BYTE, shape, axis, ranges.NONE, len(body), header.UINT8), body)
