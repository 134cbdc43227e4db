"""The codecs by their id: what turns symbols, floats, bytes or an image into a body and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from common.codec import image, levels, packed, rans, zstd
from common.codec.containers import Size
from common.codec.errors import CodecError, Fault

Floats = npt.NDArray[np.float32]
Symbols = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Lossless:
    """Codes float32 elements as they are; `unpack(body, count)` raises CodecError."""

    pack: Callable[[Floats], bytes]
    unpack: Callable[[memoryview, int], Floats]


@dataclass(frozen=True, slots=True)
class Quantised:
    """Codes symbols (channels, elements) below 2^bits; `unpack(body, shape, bits)` raises CodecError."""

    pack: Callable[[Symbols, int], bytes]
    unpack: Callable[[memoryview, tuple[int, int], int], Symbols]


@dataclass(frozen=True, slots=True)
class Bytes:
    """Codes uint8 elements as they are; `unpack(body, count)` raises CodecError."""

    pack: Callable[[Symbols], bytes]
    unpack: Callable[[memoryview, int], Symbols]


@dataclass(frozen=True, slots=True)
class Picture:
    """Codes an image, height×width×channels uint8, at a quality; `pack` gives None where it is too large for the form.

    `unpack(body, size)` raises CodecError, for an image of another size before it takes memory.
    """

    pack: Callable[[Symbols, int], bytes | None]
    unpack: Callable[[memoryview, Size], Symbols]


Codec = Lossless | Quantised | Bytes | Picture


def _floats(body: memoryview, count: int) -> Floats:
    """The elements in place: no byte is copied."""
    if len(body) != 4 * count:
        raise CodecError(Fault.CORRUPT, f"{count} float32 elements are not {len(body)} bytes")
    return np.frombuffer(body, "<f4")


CODECS: dict[int, Codec] = {
    levels.RAW: Lossless(lambda values: np.ascontiguousarray(values, "<f4").tobytes(), _floats),
    levels.RAW_ZSTD: Lossless(zstd.pack_floats, zstd.unpack_floats),
    levels.PACKED: Quantised(packed.pack, packed.unpack),
    levels.ZSTD: Quantised(zstd.pack, zstd.unpack),
    levels.RANS: Quantised(rans.pack, rans.unpack),
    levels.U8: Bytes(lambda values: packed.pack(values, 8), lambda body, count: packed.unpack(body, (1, count), 8)),
    levels.U8_ZSTD: Bytes(lambda values: zstd.pack(values, 8), lambda body, count: zstd.unpack(body, (1, count), 8)),
    levels.JPEG: Picture(partial(image.pack, "JPEG"), partial(image.unpack, "JPEG")),
    levels.WEBP: Picture(partial(image.pack, "WEBP"), partial(image.unpack, "WEBP")),
}


def find(codec: int, bits: int) -> Codec:
    """The codec with that id, which codes elements of that many bits. Raises CodecError."""
    found = CODECS.get(codec)
    if found is None:
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {codec} is not known here")
    if not any(level.codec == codec and level.bits == bits for level in levels.ALL_LEVELS.values()):
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {codec} has no level of {bits} bits")
    return found
