"""Codes symbols at a fixed rate: their low bits, one after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.codec.errors import CodecError, Fault

Symbols = npt.NDArray[np.uint8]


def size(count: int, bits: int) -> int:
    """Bytes of `count` symbols of `bits` each."""
    return (count * bits + 7) // 8


def pack(symbols: Symbols, bits: int) -> bytes:
    """The symbols (channels, elements) as a row of bits, the highest of each first; the last byte padded with 0."""
    flat = np.ravel(symbols)
    if bits == 8:
        return flat.tobytes()
    return np.packbits(np.unpackbits(flat[:, None], axis=1)[:, 8 - bits :]).tobytes()


def unpack(body: memoryview, shape: tuple[int, int], bits: int) -> Symbols:
    """The symbols (channels, elements). Raises CodecError."""
    count = shape[0] * shape[1]
    if len(body) != size(count, bits):
        raise CodecError(Fault.CORRUPT, f"{count} elements of {bits} bits are not {len(body)} bytes")
    data = np.frombuffer(body, np.uint8)
    if bits == 8:
        return data.reshape(shape)
    spread = np.zeros((count, 8), np.uint8)
    spread[:, 8 - bits :] = np.unpackbits(data, count=count * bits).reshape(count, bits)
    return np.packbits(spread, axis=1).reshape(shape)
