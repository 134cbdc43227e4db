"""Hypothesis strategies for the codec: tensors of every kind, levels, valid payloads and damaged ones."""

import struct
import zlib

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.codec import ALL_LEVELS, IMAGE_LEVELS, LEVELS, Level, encode

Floats = npt.NDArray[np.float32]

levels = st.sampled_from(list(ALL_LEVELS.values()))
quantised = st.sampled_from([level for level in LEVELS.values() if not level.lossless])
lossless = st.sampled_from([level for level in LEVELS.values() if level.lossless])
image_levels = st.sampled_from(list(IMAGE_LEVELS.values()))
shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7)

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
anything = st.floats(width=32)
usual = st.floats(-8, 8, width=32)


@st.composite
def tensors(draw: st.DrawFn, elements: st.SearchStrategy[float] = anything) -> Floats:
    """Any float32 tensor of up to five axes, empty ones and scalars included."""
    shape = draw(shapes)
    return np.asarray(draw(hnp.arrays(np.float32, shape, elements=elements)), np.float32)


@st.composite
def activations(draw: st.DrawFn) -> Floats:
    """A tensor such as networks make: N×C×H×W, channels of different size and offset, many zeros."""
    n, c, h, w = draw(st.tuples(st.integers(1, 2), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = rng.uniform(0.01, 30, (1, c, 1, 1))
    values = rng.normal(rng.normal(0, 2, (1, c, 1, 1)), 1, (n, c, h, w)) * scale
    return np.maximum(values, 0 if draw(st.booleans()) else -np.inf).astype(np.float32)


@st.composite
def images(draw: st.DrawFn) -> Floats:
    """One image of 1 or 3 channels, N×C×H×W or N×H×W×C: smooth, noisy, or of few colours."""
    height, width, channels = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.sampled_from((1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    slope = rng.uniform(-6, 6, (2, channels)) * draw(st.sampled_from((0.0, 1.0)))
    plain = 128 + np.arange(height)[:, None, None] * slope[0] + np.arange(width)[None, :, None] * slope[1]
    noisy = plain + rng.normal(size=plain.shape) * draw(st.sampled_from((0.0, 4.0, 100.0)))
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.float32)
    return np.asarray(pixels.transpose(2, 0, 1)[None] if draw(st.booleans()) else pixels[None], np.float32)


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Floats, Level, bytes]:
    """A tensor, a level, and the payload that they give."""
    tensor = draw(st.one_of(activations(), tensors(), images()))
    level = draw(levels)
    return tensor, level, encode(tensor, level)


def sealed(payload: bytes) -> bytes:
    """The payload with the checksum that its bytes ought to have, as a hostile peer would send it."""
    if len(payload) < 20:
        return payload
    return payload[:16] + struct.pack("<I", zlib.crc32(payload[20:], zlib.crc32(payload[:16]))) + payload[20:]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A payload with bytes changed, dropped or added, its length and checksum at times put right."""
    data = bytearray(draw(payloads())[2])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.one_of(st.integers(0, min(40, len(data) - 1)), st.integers(0, len(data) - 1)))
        data[place] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        data = data[: draw(st.integers(1, len(data)))] + draw(st.binary(max_size=8))
    if len(data) >= 20 and draw(st.booleans()):
        rank = data[8] if data[8] <= 8 else 0
        data[12:16] = struct.pack("<I", max(0, len(data) - 20 - 4 * rank))
    return sealed(bytes(data)) if draw(st.booleans()) else bytes(data)
