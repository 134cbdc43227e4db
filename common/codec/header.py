"""The header of an encoded tensor: 20 fixed bytes, then its shape.

All little-endian::

    0   4s  magic "SPTC"
    4   u8  version: 1, or 2 where elements are not float32
    5   u8  codec id, as in the registry
    6   u8  bits per element: 32 lossless float32, 8 for uint8, else the quantiser's
    7   u8  element type: 1 float32; 2 uint8, of version 2
    8   u8  rank, 0 to 8
    9   u8  channel axis, 255: none
    10  u8  form of the clip ranges, as in ranges.py
    11  u8  0
    12  u32 bytes after the shape: clip ranges and body
    16  u32 CRC-32 of everything but these four bytes
    20  u32 × rank  shape
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import prod

from common.codec.errors import CodecError, Fault

MAGIC = b"SPTC"
FLOAT32, UINT8 = 1, 2
LOSSLESS = 32
MAX_RANK = 8
VERSIONS = {1: FLOAT32, 2: UINT8}
"""The element type of each version. What version 1 can say is written so: who reads only that is not shut out."""
NO_AXIS = 255

_FIXED = struct.Struct("<4s8BI")
_CRC = struct.Struct("<I")
_SHAPE_AT = _FIXED.size + _CRC.size
MAX_HEADER = _SHAPE_AT + 4 * MAX_RANK
"""The most bytes that an encoded tensor takes beyond its raw float32 elements."""

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Header:
    """What an encoded tensor says about itself; nothing of it is believed before the checksum fits.

    `bits` 32: lossless float32. `axis`: that of the channels, None: none. `size`: bytes after the header. `element`:
    type of the elements as they travel; what is decoded is float32.
    """

    codec: int
    bits: int
    shape: tuple[int, ...]
    axis: int | None
    form: int
    size: int
    element: int = FLOAT32

    @property
    def elements(self) -> int:
        """How many elements the tensor has."""
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """How many channels it has; 1 where no axis is theirs."""
        return 1 if self.axis is None else self.shape[self.axis]

    @property
    def header_bytes(self) -> int:
        """Bytes of the header itself."""
        return _SHAPE_AT + 4 * len(self.shape)


def pack(header: Header, rest: bytes) -> bytes:
    """The whole payload: header, checksum, shape, and `rest`, which is `header.size` bytes."""
    rank = len(header.shape)
    axis = NO_AXIS if header.axis is None else header.axis
    version = next(number for number, element in VERSIONS.items() if element == header.element)
    fixed = _FIXED.pack(
        MAGIC, version, header.codec, header.bits, header.element, rank, axis, header.form, 0, header.size
    )
    shape = struct.pack(f"<{rank}I", *header.shape)
    checksum = zlib.crc32(rest, zlib.crc32(shape, zlib.crc32(fixed)))
    return b"".join((fixed, _CRC.pack(checksum), shape, rest))


def parse(payload: memoryview) -> Header:
    """The header at the start of `payload`. Raises CodecError; the checksum is for `verify`."""
    if payload[:4] != MAGIC[: len(payload)]:
        raise CodecError(Fault.BAD_MAGIC, "these bytes are no encoded tensor")
    if len(payload) < _SHAPE_AT:
        raise CodecError(Fault.TRUNCATED, f"{len(payload)} bytes are less than a header")
    _, version, codec, bits, element, rank, axis, form, zero, size = _FIXED.unpack_from(payload)
    if version not in VERSIONS:
        text = f"version {version} is written, versions up to {max(VERSIONS)} are read here"
        raise CodecError(Fault.UNSUPPORTED_VERSION, text)
    if element != VERSIONS[version] or zero or rank > MAX_RANK or not (axis < rank or axis == NO_AXIS):
        raise CodecError(Fault.CORRUPT, "the header contradicts itself")
    if len(payload) < _SHAPE_AT + 4 * rank:
        raise CodecError(Fault.TRUNCATED, "the payload ends within its shape")
    shape = struct.unpack_from(f"<{rank}I", payload, _SHAPE_AT)
    return Header(codec, bits, shape, None if axis == NO_AXIS else axis, form, size, element)


def verify(payload: memoryview, header: Header) -> None:
    """Raises CodecError unless length and checksum are as the header says."""
    missing = header.header_bytes + header.size - len(payload)
    if missing > 0:
        raise CodecError(Fault.TRUNCATED, f"{missing} bytes are missing at the end")
    if missing < 0:
        raise CodecError(Fault.CORRUPT, f"{-missing} bytes follow the end")
    (said,) = _CRC.unpack_from(payload, _FIXED.size)
    if said != zlib.crc32(payload[_SHAPE_AT:], zlib.crc32(payload[: _FIXED.size])):
        raise CodecError(Fault.CORRUPT, "the checksum does not fit: bytes were changed on the way")
