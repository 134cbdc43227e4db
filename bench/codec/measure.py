"""Times, sizes and losses of tensors at every level, on one core."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.codec.tensors import Floats, Tensor
from common.codec import CodecParams, Level, Limits, decode, encode
from slicer.calibrate import clips, exact
from slicer.measure.spread import timed

REPEATS = 25
PEAK = 255.0  # of a pixel


@dataclass(frozen=True, slots=True)
class Measured:
    """One level on one kind of tensor; ms are medians, `size` the mean of whole payloads, bytes.

    `item`: bytes of an element as it comes. `psnr_db`: the mean of the tensors' PSNRs, infinite where nothing is lost,
    for pixels (peak 255); `most_off`: the largest error of an element.
    """

    level: Level
    elements: int
    item: int
    size: float
    encode_ms: float
    decode_ms: float
    psnr_db: float
    most_off: float

    @property
    def bits(self) -> float:
        """Bits per element on the wire, header and all."""
        return 8 * self.size / self.elements

    @property
    def encode_mbs(self) -> float:
        """MB of elements, as they come, encoded a second."""
        return self.elements * self.item / 1e3 / self.encode_ms

    @property
    def decode_mbs(self) -> float:
        """MB of elements, as they come, decoded a second."""
        return self.elements * self.item / 1e3 / self.decode_ms


def measure(tensor: Tensor) -> Iterator[Measured]:
    """Every level for such tensors, with calibrated clip ranges; those of 8 bits are exact for elements of a byte."""
    known = clips(tensor.calibration) | exact(tensor.dtype)
    for level in tensor.levels.values():
        yield _measured(tensor, level, known.get(level.bits))


def _measured(tensor: Tensor, level: Level, params: CodecParams | None) -> Measured:
    several, count = tensor.several, len(tensor.several)
    payloads = [encode(one, level, params) for one in several]
    limits = Limits(tensor.elements)
    encoding = timed(lambda run: encode(several[run % count], level, params), REPEATS)
    decoding = timed(lambda run: decode(payloads[run % count], limits), REPEATS)
    size = sum(map(len, payloads)) / count
    lost = losses(several, [decode(one, limits) for one in payloads])
    item = np.dtype(tensor.dtype).itemsize
    return Measured(level, tensor.elements, item, size, encoding.median_ms, decoding.median_ms, *lost)


def losses(sent: Sequence[Floats], back: Sequence[Floats]) -> tuple[float, float]:
    """Mean PSNR, dB (peak 255), and the largest error of an element."""
    off = [np.abs(one.astype(np.float64) - other) for one, other in zip(sent, back, strict=True)]
    return float(np.mean([_psnr(float(np.square(one).mean())) for one in off])), float(max(one.max() for one in off))


def _psnr(error: float) -> float:
    return 10 * math.log10(PEAK**2 / error) if error else math.inf
