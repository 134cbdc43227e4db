"""Quantisation: float32 values to a few evenly spaced ones between the ends of their clip range, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Symbols = npt.NDArray[np.uint8]

_NARROW = 1e-30  # ranges below this count as one value: their reciprocal would leave float32
_WIDE = 1e37  # ranges above this are computed in float64 for the same reason


def quantise(matrix: Floats, lo: Floats, hi: Floats, bits: int) -> Symbols:
    """The nearest of 2^bits values for each element of (channels, elements); ends are (channels,) or (1,).

    Values outside of a range become its nearer end, infinities too; NaN becomes the value nearest to 0. Within
    the range an element comes back from `dequantise` at most half a step off, give or take float32's rounding.
    """
    top = (1 << bits) - 1
    width = hi.astype(np.float64) - lo
    kind = np.float64 if width.max(initial=0.0) > _WIDE else np.float32
    scale = np.where(width > _NARROW, top / np.maximum(width, _NARROW), 0.0).astype(kind)
    if not np.isfinite(matrix).all():
        matrix = _tame(matrix, lo, hi)
    steps: npt.NDArray[Any] = np.clip(matrix, lo[:, None], hi[:, None], dtype=kind)
    steps -= lo[:, None]
    steps *= scale[:, None]
    np.rint(steps, out=steps)
    np.minimum(steps, top, out=steps)
    symbols: Symbols = steps.astype(np.uint8)
    return symbols


def dequantise(symbols: Symbols, lo: Floats, hi: Floats, bits: int) -> Floats:
    """The values of symbols (channels, elements); always finite if the ends are."""
    top = (1 << bits) - 1
    width = hi.astype(np.float64) - lo
    kind = np.float64 if width.max(initial=0.0) > _WIDE else np.float32
    step = np.where(width > _NARROW, width / top, 0.0).astype(kind)
    values: npt.NDArray[Any] = symbols.astype(kind)
    values *= step[:, None]
    values += lo[:, None]
    # The last step may round beyond the end, and beyond float32 with it.
    np.minimum(values, hi[:, None], out=values)
    return values.astype(np.float32, copy=False)


def _tame(matrix: Floats, lo: Floats, hi: Floats) -> Floats:
    return np.where(np.isnan(matrix), np.clip(np.zeros_like(lo), lo, hi)[:, None], matrix)
