"""Codes symbols and raw floats with zstd; the one file that knows the library."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import zstandard

from common.codec.errors import CodecError, Fault

Bytes = npt.NDArray[np.uint8]

_EFFORT = 3
_LEAST_WINDOW = 1 << 10


def pack(symbols: Bytes, _bits: int) -> bytes:
    """The symbols, a byte each, compressed."""
    return zstandard.ZstdCompressor(level=_EFFORT).compress(np.ascontiguousarray(symbols).tobytes())


def unpack(body: memoryview, shape: tuple[int, int], bits: int) -> Bytes:
    """The symbols (channels, elements). Raises CodecError."""
    symbols = np.frombuffer(_inflate(body, shape[0] * shape[1]), np.uint8)
    if symbols.max(initial=0) >> bits:
        raise CodecError(Fault.CORRUPT, f"a symbol has more than {bits} bits")
    return symbols.reshape(shape)


def pack_floats(values: npt.NDArray[np.float32]) -> bytes:
    """Floats with the bytes of equal weight together, which compress better so."""
    planes = np.ascontiguousarray(np.ravel(values).view(np.uint8).reshape(-1, 4).T)
    return zstandard.ZstdCompressor(level=_EFFORT).compress(planes.tobytes())


def unpack_floats(body: memoryview, count: int) -> npt.NDArray[np.float32]:
    """`count` floats. Raises CodecError."""
    planes = np.frombuffer(_inflate(body, 4 * count), np.uint8).reshape(4, count)
    return np.ascontiguousarray(planes.T).view("<f4").reshape(count)


def _inflate(body: memoryview, size: int) -> bytes:
    """Exactly `size` bytes; what a frame claims is compared before memory is taken for it."""
    window = max(_LEAST_WINDOW, 1 << max(0, size - 1).bit_length())
    try:
        if zstandard.frame_content_size(body) != size:
            raise CodecError(Fault.CORRUPT, f"the compressed body does not hold {size} bytes")
        inflater = zstandard.ZstdDecompressor(max_window_size=window)
        content = inflater.decompress(body, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CodecError(Fault.CORRUPT, "the compressed body is damaged") from error
    if len(content) != size:
        raise CodecError(Fault.CORRUPT, f"the compressed body does not hold {size} bytes")
    return content
