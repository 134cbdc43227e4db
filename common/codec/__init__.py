"""The tensor codec: one versioned wire format for the activations that cross a cut.

`encode(array, LEVELS["rans-4"])` gives a self-describing payload, `decode(payload, Limits(...))` the tensor, and
`peek` the header. `LEVELS` are for any tensor, `IMAGE_LEVELS` for images, whole numbers from 0 to 255. The only
exception is `CodecError`.
"""

from common.codec.errors import CodecError, Fault
from common.codec.header import MAX_HEADER, Header
from common.codec.levels import (
    ALL_LEVELS,
    IMAGE_LEVELS,
    JPEG,
    LEVELS,
    PACKED,
    RANS,
    RAW,
    RAW_ZSTD,
    U8,
    U8_ZSTD,
    WEBP,
    ZSTD,
    Level,
)
from common.codec.pixels import image_axis
from common.codec.ranges import CodecParams, channel_axis
from common.codec.wire import Limits, decode, encode, peek

__all__ = [
    "ALL_LEVELS",
    "IMAGE_LEVELS",
    "JPEG",
    "LEVELS",
    "MAX_HEADER",
    "PACKED",
    "RANS",
    "RAW",
    "RAW_ZSTD",
    "U8",
    "U8_ZSTD",
    "WEBP",
    "ZSTD",
    "CodecError",
    "CodecParams",
    "Fault",
    "Header",
    "Level",
    "Limits",
    "channel_axis",
    "decode",
    "encode",
    "image_axis",
    "peek",
]
