"""Times and sizes of one tensor at every level, on one core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.codec.tensors import Tensor
from common.codec import LEVELS, CodecParams, Level, Limits, decode, encode
from slicer.calibrate import clips
from slicer.measure.spread import timed

REPEATS = 25


@dataclass(frozen=True, slots=True)
class Measured:
    """One level on one tensor; ms are medians."""

    level: Level
    elements: int
    size: int
    encode_ms: float
    decode_ms: float

    @property
    def bits(self) -> float:
        """Bits per element on the wire, header and all."""
        return 8 * self.size / self.elements

    @property
    def encode_mbs(self) -> float:
        """MB of float32 elements encoded a second."""
        return self.elements * 4 / 1e3 / self.encode_ms

    @property
    def decode_mbs(self) -> float:
        """MB of float32 elements decoded a second."""
        return self.elements * 4 / 1e3 / self.decode_ms


def measure(tensor: Tensor) -> Iterator[Measured]:
    """Every level for float32, with clip ranges calibrated on other tensors of the kind."""
    known = clips(tensor.calibration)
    for level in LEVELS.values():
        yield _measured(tensor, level, known.get(level.bits))


def _measured(tensor: Tensor, level: Level, params: CodecParams | None) -> Measured:
    payload = encode(tensor.values, level, params)
    limits = Limits(tensor.values.size)
    encoding = timed(lambda _: encode(tensor.values, level, params), REPEATS)
    decoding = timed(lambda _: decode(payload, limits), REPEATS)
    return Measured(level, tensor.values.size, len(payload), encoding.median_ms, decoding.median_ms)
