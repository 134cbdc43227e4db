"""The tensor codec: one versioned wire format for the activations that cross a cut.

`encode(array, LEVELS["rans-4"])` gives a self-describing payload, `decode(payload, Limits(...))` the tensor, and
`peek` the header. The only exception is `CodecError`.
"""

from common.codec.errors import CodecError, Fault
from common.codec.header import MAX_HEADER, Header
from common.codec.levels import LEVELS, PACKED, RANS, RAW, RAW_ZSTD, ZSTD, Level
from common.codec.ranges import CodecParams, channel_axis
from common.codec.wire import Limits, decode, encode, peek

__all__ = [
    "LEVELS",
    "MAX_HEADER",
    "PACKED",
    "RANS",
    "RAW",
    "RAW_ZSTD",
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
    "peek",
]
