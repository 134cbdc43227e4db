"""Encodes a tensor into one self-describing payload and decodes it within limits.

Elements travel channel by channel. An encoder that is asked for a level gives what is smallest of that level, the
same bits packed at a fixed rate, and raw float32: an input made to inflate the entropy coder cannot. At the levels of
images that is the smallest of the image, its bytes, and where they are none raw float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from common.codec import header, levels, packed, pixels, ranges, registry
from common.codec.errors import CodecError, Fault
from common.codec.header import Header
from common.codec.levels import Level
from common.codec.quantise import dequantise, quantise
from common.codec.ranges import CodecParams

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder accepts: elements at most, the shape that was agreed on (None: any; a None size: any), bytes.

    Decoding takes at most about 24 bytes of memory per element of `max_elements`, whatever the payload claims.
    """

    max_elements: int
    expected_shape: tuple[int | None, ...] | None = None
    max_bytes: int = 64 << 20


def encode(array: npt.NDArray[np.floating], level: Level, params: CodecParams | None = None) -> bytes:
    """`array` at `level`; `params`: calibrated clip ranges, else those of the array itself are measured.

    Elements become float32. At a lossless level they all come back bit by bit, NaN and infinities included. At
    others values outside of their clip range become its nearer end, infinities too, and NaN becomes the value
    nearest to 0. A tensor that is no image loses nothing at the levels of images. Raises CodecError (SHAPE_MISMATCH:
    more than 8 axes, or ranges for other channels).
    """
    with np.errstate(over="ignore"):
        values = np.asarray(array, np.float32)
    if values.ndim > header.MAX_RANK:
        raise CodecError(Fault.SHAPE_MISMATCH, f"{values.ndim} axes are more than {header.MAX_RANK}")
    if level.name in levels.IMAGE_LEVELS and values.size:
        return pixels.encode(values, level) or _lossless(values, levels.RAW)
    if level.bits == header.LOSSLESS or not values.size:
        return _smallest_lossless(values, level)
    coded = _quantised(values, level, params)
    return coded if len(coded) < _raw_size(values) else _lossless(values, levels.RAW)


def peek(payload: bytes | bytearray | memoryview) -> Header:
    """What the payload says about itself, unverified. Raises CodecError where that cannot be read."""
    return header.parse(memoryview(payload).cast("B"))


def decode(payload: bytes | bytearray | memoryview, limits: Limits) -> Floats:
    """The tensor; of a raw payload a read-only view, not a copy. Raises CodecError, and nothing else."""
    view = memoryview(payload).cast("B")
    if len(view) > limits.max_bytes:
        raise CodecError(Fault.TOO_LARGE, f"{len(view)} bytes are more than the {limits.max_bytes} allowed")
    head = header.parse(view)
    _admit(head, limits)
    header.verify(view, head)
    codec = registry.find(head.codec, head.bits)
    body = view[head.header_bytes :]
    if isinstance(codec, registry.Bytes | registry.Picture):
        return pixels.decode(head, codec, body)
    if head.element != header.FLOAT32:
        raise CodecError(Fault.CORRUPT, f"codec {head.codec} codes float32, the header says another type")
    if isinstance(codec, registry.Lossless):
        return _plain(head, codec, body)
    return _restored(head, codec, body)


def _admit(head: Header, limits: Limits) -> None:
    if prod(max(size, 1) for size in head.shape) > limits.max_elements:
        raise CodecError(Fault.TOO_LARGE, f"{_text(head.shape)} is more than {limits.max_elements} elements")
    wanted = limits.expected_shape
    if wanted is None:
        return
    fits = len(wanted) == len(head.shape) and all(
        want is None or want == size for want, size in zip(wanted, head.shape, strict=True)
    )
    if not fits:
        raise CodecError(Fault.SHAPE_MISMATCH, f"shape {_text(head.shape)} comes, {_text(wanted)} is due")


def _plain(head: Header, codec: registry.Lossless, body: memoryview) -> Floats:
    if head.form != ranges.NONE:
        raise CodecError(Fault.CORRUPT, "a lossless level has no clip ranges")
    return codec.unpack(body, head.elements).reshape(head.shape)


def _restored(head: Header, codec: registry.Quantised, body: memoryview) -> Floats:
    if not head.elements:
        raise CodecError(Fault.CORRUPT, "nothing is quantised in an empty tensor")
    lo, hi, body = ranges.unpack(head.form, body, head.channels)
    symbols = codec.unpack(body, (head.channels, head.elements // head.channels), head.bits)
    values = dequantise(symbols, lo, hi, head.bits)
    if head.axis is None:
        return values.reshape(head.shape)
    moved = (head.channels, *(size for axis, size in enumerate(head.shape) if axis != head.axis))
    return np.ascontiguousarray(np.moveaxis(values.reshape(moved), 0, head.axis))


def _quantised(values: Floats, level: Level, params: CodecParams | None) -> bytes:
    axis = params.axis if params else ranges.channel_axis(values.shape)
    matrix = _by_channel(values, axis)
    params = params or ranges.measure(matrix, axis)
    if params.lo.size not in (1, matrix.shape[0]):
        text = f"{params.lo.size} clip ranges do not fit {matrix.shape[0]} channels"
        raise CodecError(Fault.SHAPE_MISMATCH, text)
    form, block = ranges.pack(params, values.size // params.lo.size)
    lo, hi, _ = ranges.unpack(form, memoryview(block), matrix.shape[0])  # as the decoder will see them
    symbols = quantise(matrix, lo, hi, level.bits)
    codec, body = _coded(symbols, level)
    head = Header(codec, level.bits, values.shape, axis, form, len(block) + len(body))
    return header.pack(head, block + body)


def _coded(symbols: npt.NDArray[np.uint8], level: Level) -> tuple[int, bytes]:
    """Codec and body: the one asked for, or the fixed rate where that is no larger."""
    codec = registry.find(level.codec, level.bits)
    if not isinstance(codec, registry.Quantised):
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {level.codec} does not quantise")
    body = codec.pack(symbols, level.bits)
    if len(body) > packed.size(symbols.size, level.bits):
        return levels.PACKED, packed.pack(symbols, level.bits)
    return level.codec, body


def _by_channel(values: Floats, axis: int | None) -> Floats:
    """(channels, elements), contiguous."""
    if axis is None:
        return values.reshape(1, -1)
    if axis >= values.ndim:
        raise CodecError(Fault.SHAPE_MISMATCH, f"clip ranges are for axis {axis} of {values.ndim}")
    return np.ascontiguousarray(np.moveaxis(values, axis, 0)).reshape(values.shape[axis], -1)


def _smallest_lossless(values: Floats, level: Level) -> bytes:
    raw = _lossless(values, levels.RAW)
    if level.codec == levels.RAW or not level.lossless or not values.size:
        return raw
    return min(_lossless(values, level.codec), raw, key=len)


def _lossless(values: Floats, codec: int) -> bytes:
    coder = registry.find(codec, header.LOSSLESS)
    if not isinstance(coder, registry.Lossless):
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {codec} is not lossless")
    body = coder.pack(values)
    return header.pack(Header(codec, header.LOSSLESS, values.shape, None, ranges.NONE, len(body)), body)


def _raw_size(values: Floats) -> int:
    return header.MAX_HEADER - 4 * (header.MAX_RANK - values.ndim) + 4 * values.size


def _text(shape: tuple[int | None, ...]) -> str:
    return "×".join("?" if size is None else str(size) for size in shape) or "scalar"
