"""Clip ranges: the values that quantisation keeps apart, of the whole tensor or of each channel."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.codec.errors import CodecError, Fault

Floats = npt.NDArray[np.float32]

NONE, WHOLE, GRID8, GRID16 = 0, 1, 2, 3
"""Forms on the wire: no ranges; one pair of float32; such a pair and per channel two steps of it, u8 or u16."""

_PAIR = struct.Struct("<2f")
_STEPS: dict[int, np.dtype[np.unsignedinteger]] = {GRID8: np.dtype("<u1"), GRID16: np.dtype("<u2")}
_FEW = 8  # elements a channel; with fewer its own range costs more than it saves
_COARSE = 4.0  # bits a channel that a coarse grid may waste


@dataclass(frozen=True, slots=True, eq=False)
class CodecParams:
    """Clip ranges to encode with: `lo` and `hi`, float32 (channels,) or (1,) for the whole tensor.

    `axis`: which axis the channels are on, None: none. Raises CodecError (SHAPE_MISMATCH, CORRUPT).
    """

    axis: int | None
    lo: Floats
    hi: Floats

    def __post_init__(self) -> None:
        if self.lo.ndim != 1 or self.lo.shape != self.hi.shape or not self.lo.size:
            raise CodecError(Fault.SHAPE_MISMATCH, "clip ranges are two lists of one length, one entry a channel")
        if not (np.isfinite(self.lo).all() and np.isfinite(self.hi).all() and (self.lo <= self.hi).all()):
            raise CodecError(Fault.CORRUPT, "clip ranges are finite numbers, the lower one first")


def channel_axis(shape: tuple[int, ...]) -> int | None:
    """Where the channels usually are: axis 1 of N×C×..., None for a scalar or a plain list."""
    return 1 if len(shape) >= 2 else None


def measure(matrix: Floats, axis: int | None) -> CodecParams:
    """The ranges of a (channels, elements) matrix: of each channel, or of all where channels have few elements.

    Values that are not finite do not count; where there are no others the range is 0 to 0.
    """
    if matrix.shape[1] < _FEW:
        matrix = matrix.reshape(1, -1)
    with np.errstate(invalid="ignore"):
        lo, hi = matrix.min(axis=1), matrix.max(axis=1)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        finite = np.isfinite(matrix)
        lo = np.where(finite, matrix, np.inf).min(axis=1)
        hi = np.where(finite, matrix, -np.inf).max(axis=1)
        some = finite.any(axis=1)
        lo, hi = np.where(some, lo, 0), np.where(some, hi, 0)
    return CodecParams(axis, lo.astype(np.float32), hi.astype(np.float32))


def pack(params: CodecParams, per_channel: int) -> tuple[int, bytes]:
    """Form and bytes of the ranges, rounded outwards; `per_channel`: elements that each range is for."""
    low, high = float(params.lo.min()), float(params.hi.max())
    pair = _PAIR.pack(low, high)
    if params.lo.size == 1 or low == high:
        return WHOLE, pair
    fine = _on_grid(params, low, high, GRID8)
    wasted = _waste(params, _values(fine, low, high, GRID8))
    form = GRID8 if wasted * per_channel <= _COARSE else GRID16
    steps = fine if form == GRID8 else _on_grid(params, low, high, GRID16)
    return form, pair + steps.astype(_STEPS[form]).tobytes()


def unpack(form: int, block: memoryview, channels: int) -> tuple[Floats, Floats, memoryview]:
    """Lower and upper ends, float32 (1,) or (channels,), and the bytes after them. Raises CodecError."""
    if len(block) < size(form, channels):
        raise CodecError(Fault.TRUNCATED, "the payload ends within its clip ranges")
    low, high = _PAIR.unpack_from(block)
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise CodecError(Fault.CORRUPT, "a clip range is not finite, or upside down")
    rest = block[size(form, channels) :]
    if form == WHOLE:
        return np.array([low], np.float32), np.array([high], np.float32), rest
    steps = np.frombuffer(block[_PAIR.size : size(form, channels)], _STEPS[form]).reshape(2, channels)
    if (steps[0] > steps[1]).any():
        raise CodecError(Fault.CORRUPT, "a clip range is upside down")
    lo, hi = _values(steps, low, high, form)
    return lo, hi, rest


def size(form: int, channels: int) -> int:
    """Bytes of the ranges in that form. Raises CodecError for a form that there is not."""
    if form == WHOLE:
        return _PAIR.size
    if form not in _STEPS:
        raise CodecError(Fault.CORRUPT, f"clip ranges of form {form} are not known")
    return _PAIR.size + 2 * channels * _STEPS[form].itemsize


def _top(form: int) -> int:
    return int(np.iinfo(_STEPS[form]).max)


def _on_grid(params: CodecParams, low: float, high: float, form: int) -> npt.NDArray[np.float64]:
    """The ranges in steps of the whole, (2, channels)."""
    scale = _top(form) / (high - low)
    down = np.floor((params.lo.astype(np.float64) - low) * scale)
    up = np.ceil((params.hi.astype(np.float64) - low) * scale)
    steps: npt.NDArray[np.float64] = np.clip(np.stack((down, up)), 0, _top(form))
    return steps


def _values(steps: npt.NDArray[np.generic], low: float, high: float, form: int) -> Floats:
    """The same back as float32; in float64 until the end, so that every machine gets the same bits."""
    values = low + steps.astype(np.float64) * ((high - low) / _top(form))
    return np.where(steps == _top(form), high, values).astype(np.float32)  # an upper end of 0 stays exactly 0


def _waste(params: CodecParams, gridded: Floats) -> float:
    """Bits per element that the grid's wider ranges cost on average."""
    true = (params.hi.astype(np.float64) - params.lo)[params.hi > params.lo]
    wide = (gridded[1].astype(np.float64) - gridded[0])[params.hi > params.lo]
    return float(np.log2(np.maximum(wide, true) / true).mean()) if true.size else 0.0
