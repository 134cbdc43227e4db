"""What activations of a real network take under each codec level: bits per element, and time by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.split_replay.network import Network
from bench.split_replay.photos import Pixels
from common.codec import LEVELS, CodecParams, Level, Limits, decode, encode
from slicer import load
from slicer.calibrate import clips
from slicer.listing import listed
from slicer.measure.spread import timed
from slicer.model import CutPoint
from slicer.run import Session, exposing

Floats = npt.NDArray[np.float32]
LEAST_BITS = 3  # 8 levels: what arXiv 2105.07102 finds to cost less than a point of accuracy
SIZES = (12_544, 50_176, 200_704, 401_408, 802_816)  # elements; the last is DenseNet169's at the first convolution
REPEATS = 9
WAYS = ("plain", "pooled")


@dataclass(frozen=True, slots=True)
class Place:
    """A cut of the measured network: the share of the work before it, and bits per element by (way, level)."""

    share: float
    name: str
    bits: Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class CodecCost:
    """Ms here to encode and decode tensors of `SIZES` elements, by level."""

    encode_ms: Mapping[str, tuple[float, ...]]
    decode_ms: Mapping[str, tuple[float, ...]]


def levels() -> list[Level]:
    """Those that keep at least 8 values an element, and the lossless ones."""
    return [level for level in LEVELS.values() if level.bits >= LEAST_BITS]


def measure(network: Network, pixels: Sequence[Pixels]) -> tuple[list[Place], CodecCost]:
    """Bits at each cut with a 4-D tensor, as it is and pooled 2×2, and times on its activations."""
    by_share = {cut.head_macs: cut for cut in listed(network.model, {}) if _maps(cut)}  # of equal shares the last
    cuts = list(by_share.values())
    taken = activations_of(network, [cut.tensor.name for cut in cuts], pixels)
    places = [_place(cut, taken[cut.tensor.name]) for cut in cuts]
    large = max(taken.values(), key=lambda values: values[0].size)
    return places, _costs(next((one for one in taken.values() if _rectified(one)), large))


def _rectified(values: Sequence[Floats]) -> bool:
    """Whether nothing is below 0, as in most of the published networks' tensors."""
    return min(float(one.min()) for one in values) >= 0


def pooled(values: Floats) -> Floats:
    """The published Transfer Layer's device side: the largest of each 2×2, odd edges left out."""
    rows, columns = values.shape[2] // 2 * 2, values.shape[3] // 2 * 2
    even = values[:, :, :rows, :columns]
    found: Floats = np.maximum.reduce([even[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    return found


def _maps(cut: CutPoint) -> bool:
    shape = cut.tensor.shape or ()
    return bool(cut.head_macs) and len(shape) == 4 and isinstance(shape[2], int) and shape[2] > 1


def activations_of(network: Network, names: Sequence[str], pixels: Sequence[Pixels]) -> dict[str, list[Floats]]:
    session = Session(exposing(network.model, names), threads=1)
    name = load.inputs(network.model)[0].name
    runs = [session({name: _input(one, network)}) for one in pixels]
    return {name: [np.asarray(run[name], np.float32) for run in runs] for name in names}


def _input(pixels: Pixels, network: Network) -> Floats:
    centred = (pixels.astype(np.float32) - np.array(network.mean, np.float32)) / np.array(network.std, np.float32)
    return np.ascontiguousarray(centred.transpose(2, 0, 1)[None])


def _place(cut: CutPoint, values: Sequence[Floats]) -> Place:
    bits: dict[tuple[str, str], float] = {}
    for way, shown in zip(WAYS, (values, [pooled(one) for one in values]), strict=True):
        ranges = clips(shown)
        for level in levels():
            bits[way, level.name] = _bits(shown, level, ranges.get(level.bits))
    return Place((cut.head_macs or 0) / (cut.total_macs or 1), cut.tensor.name, bits)


def _bits(values: Sequence[Floats], level: Level, params: CodecParams | None) -> float:
    return float(np.mean([8 * len(encode(one, level, params)) / one.size for one in values]))


def _costs(values: Sequence[Floats]) -> CodecCost:
    """Times on tensors of each size, put together from the channels of several activations."""
    tensors = [_sized(values, size) for size in SIZES]
    encode_ms: dict[str, tuple[float, ...]] = {}
    decode_ms: dict[str, tuple[float, ...]] = {}
    for level in levels():
        pairs = [_times(one, level) for one in tensors]
        encode_ms[level.name], decode_ms[level.name] = zip(*pairs, strict=True)
    return CodecCost(encode_ms, decode_ms)


def _sized(values: Sequence[Floats], size: int) -> Floats:
    joined = np.concatenate([one[0] for one in values])
    plane = joined[0].size
    channels = max(1, size // plane)
    return np.ascontiguousarray(joined[None, :channels])


def _times(values: Floats, level: Level) -> tuple[float, float]:
    params = clips([values]).get(level.bits)
    payload = encode(values, level, params)
    limits = Limits(values.size, values.shape)
    encoding = timed(lambda _: encode(values, level, params), REPEATS)
    return encoding.median_ms, timed(lambda _: decode(payload, limits), REPEATS).median_ms
