"""Calibrates clip ranges: which values of each channel are worth telling apart, from sample activations; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from common.codec import CodecParams, channel_axis
from common.codec.levels import BITS
from common.codec.quantise import dequantise, quantise

Floats = npt.NDArray[np.float32]
Ends = tuple[Floats, Floats]

_SHARES = (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)  # of a channel's values that a range may leave outside, per side
_PERCENTILE = 0.1  # per side
_CUT_OFF = {"minmax": 0.0, "mse": 1e-4, "percentile": 2 * _PERCENTILE / 100}  # of the values, where ranges are even
_MOST = 4_000_000  # elements that are looked at


def clips(activations: Sequence[Floats], method: str = "mse") -> dict[int, CodecParams]:
    """Clip ranges by bits per element, from activations of one cut (each N×C×..., any other sizes).

    `method`: minmax keeps every value; percentile leaves 0.1 % outside on each side; mse takes, channel by channel
    and for each number of bits, the range with the least squared error (Choi, Bajic: arXiv 2105.07102).
    """
    axis = channel_axis(activations[0].shape)
    matrix = _thin(np.concatenate([_rows(one, axis) for one in activations], axis=1))
    ordered = np.sort(matrix, axis=1)
    return {bits: CodecParams(axis, *METHODS[method](ordered, bits)) for bits in BITS}


def even(reach: float, axis: int | None = 1) -> dict[int, CodecParams]:
    """Clip ranges that are the same for every channel, with 0 on a step, from -reach to a step beyond reach."""
    ends = {bits: (np.array([-reach]), np.array([reach + steps(reach, bits)])) for bits in BITS}
    return {bits: CodecParams(axis, lo.astype(np.float32), hi.astype(np.float32)) for bits, (lo, hi) in ends.items()}


def even_clips(activations: Sequence[Floats], method: str = "mse") -> dict[int, CodecParams]:
    """As `clips`, but the same range for every channel, with 0 on a step: for channels with one weight, around 0.

    Entropy coding makes a wide range cheap and what is cut off costs accuracy: minmax cuts nothing off, mse 1 value in
    10,000, percentile 1 in 500; steps are the finer.
    """
    axis = channel_axis(activations[0].shape)
    magnitudes = _thin(np.abs(np.concatenate([np.ravel(one) for one in activations])).reshape(1, -1))
    reach = float(np.quantile(magnitudes, 1 - _CUT_OFF[method])) or 1.0
    return even(reach, axis)


def steps(reach: float, bits: int) -> float:
    """The distance of neighbouring values where `even` ranges are coded with `bits` an element."""
    return reach / ((1 << (bits - 1)) - 1)


def exact(dtype: str) -> dict[int, CodecParams]:
    """Clip ranges with which 8 bits keep every value of a type of one byte; none for other types."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu" or kind.itemsize != 1:
        return {}
    ends = np.iinfo(kind)
    return {8: CodecParams(None, np.array([ends.min], np.float32), np.array([ends.max], np.float32))}


def _rows(activation: Floats, axis: int | None) -> Floats:
    if axis is None:
        return activation.reshape(1, -1)
    return np.moveaxis(activation, axis, 0).reshape(activation.shape[axis], -1)


def _thin(matrix: Floats) -> Floats:
    """Every k-th element where there are more than are needed; values that are not finite become 0."""
    step = max(1, matrix.size // _MOST)
    return np.nan_to_num(matrix[:, ::step], nan=0.0, posinf=0.0, neginf=0.0)


def _inner(ordered: Floats, below: float, above: float) -> Ends:
    """The ends that leave these shares of each channel's values outside."""
    count = ordered.shape[1]
    return ordered[:, int(below * count)].copy(), ordered[:, count - 1 - int(above * count)].copy()


def _min_max(ordered: Floats, _bits: int) -> Ends:
    return _inner(ordered, 0.0, 0.0)


def _percentile(ordered: Floats, _bits: int) -> Ends:
    return _inner(ordered, _PERCENTILE / 100, _PERCENTILE / 100)


def _least_error(ordered: Floats, bits: int) -> Ends:
    lo, hi = _inner(ordered, 0.0, 0.0)
    least = _error(ordered, lo, hi, bits)
    for share in _SHARES[1:]:
        for below, above in ((share, share), (0.0, share), (share, 0.0)):
            low, high = _inner(ordered, below, above)
            error = _error(ordered, low, high, bits)
            better = error < least
            lo[better], hi[better], least[better] = low[better], high[better], error[better]
    return lo, hi


def _error(ordered: Floats, lo: Floats, hi: Floats, bits: int) -> npt.NDArray[np.float64]:
    off = ordered - dequantise(quantise(ordered, lo, hi, bits), lo, hi, bits)
    error: npt.NDArray[np.float64] = np.square(off, dtype=np.float64).mean(axis=1)
    return error


METHODS: dict[str, Callable[[Floats, int], Ends]] = {
    "mse": _least_error,
    "minmax": _min_max,
    "percentile": _percentile,
}
