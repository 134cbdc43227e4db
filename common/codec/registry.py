"""The codecs by their id: what turns symbols, or floats, into a body and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.codec import levels, packed, rans, zstd
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


def _floats(body: memoryview, count: int) -> Floats:
    """The elements in place: no byte is copied."""
    if len(body) != 4 * count:
        raise CodecError(Fault.CORRUPT, f"{count} float32 elements are not {len(body)} bytes")
    return np.frombuffer(body, "<f4")


CODECS: dict[int, Lossless | Quantised] = {
    levels.RAW: Lossless(lambda values: np.ascontiguousarray(values, "<f4").tobytes(), _floats),
    levels.RAW_ZSTD: Lossless(zstd.pack_floats, zstd.unpack_floats),
    levels.PACKED: Quantised(packed.pack, packed.unpack),
    levels.ZSTD: Quantised(zstd.pack, zstd.unpack),
    levels.RANS: Quantised(rans.pack, rans.unpack),
}


def find(codec: int, bits: int) -> Lossless | Quantised:
    """The codec with that id, which codes elements of that many bits. Raises CodecError."""
    found = CODECS.get(codec)
    if found is None:
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {codec} is not known here")
    if not any(level.codec == codec and level.bits == bits for level in levels.LEVELS.values()):
        raise CodecError(Fault.UNKNOWN_CODEC, f"codec {codec} has no level of {bits} bits")
    return found
