"""Changes payloads where it matters: header, shape, or the body behind the checksum, which is then put right.

Blind changes die at the checksum, and inside of a compressed body at the decompressor. So fields get values that
mean something, zstd bodies are changed before they are compressed, and length and checksum are mended nearly always.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

import zstandard

from common.codec import ALL_LEVELS, RAW_ZSTD, U8_ZSTD, ZSTD
from tests.strategies_codec import sealed

Change = Callable[[bytes], bytes]

_BODY_AT = 20
_CODECS = sorted({level.codec for level in ALL_LEVELS.values()})
_FIELDS: dict[int, tuple[int, ...]] = {
    4: (0, 1, 2, 3),  # version
    5: (0, *_CODECS, max(_CODECS) + 1),
    6: (2, 3, 4, 5, 6, 7, 8, 32),  # bits
    7: (0, 1, 2, 3),  # element type
    8: tuple(range(10)),  # rank
    9: (0, 1, 2, 3, 4, 255),  # axis
    10: (0, 1, 2, 3, 4),  # form
    11: (0, 1),
}
_SIZES = (0, 1, 2, 3, 5, 8, 40, 255, 2048, 8192, 1 << 16, (1 << 31) - 1, (1 << 32) - 1)


def mutate(payload: bytes, most: int, seed: int, change: Change) -> bytes:
    """Another payload of at most `most` bytes; `change`: the fuzzer's own way to change bytes."""
    random = Random(seed)
    if len(payload) < _BODY_AT or random.random() < 0.05:
        return change(payload)[:most]
    rank = min(payload[8], 8)
    start = min(_BODY_AT + 4 * rank, len(payload))
    head, body = bytearray(payload[:start]), payload[start:]
    kind = random.random()
    if kind < 0.2:
        place = random.choice(list(_FIELDS))
        head[place] = random.choice(_FIELDS[place])
    elif kind < 0.35 and start >= _BODY_AT + 4:
        place = random.randrange(_BODY_AT, start - 3, 4)
        head[place : place + 4] = struct.pack("<I", random.choice(_SIZES))
    else:
        body = _changed(body, head[5], random, change)
        if random.random() < 0.5:  # lengths that do not fit are refused early
            body = body[: len(payload) - start].ljust(len(payload) - start, b"\0")
    whole = bytearray((bytes(head) + body)[:most])
    if random.random() < 0.95:
        whole[12:16] = struct.pack("<I", max(0, len(whole) - start))
    return sealed(bytes(whole)) if random.random() < 0.97 else bytes(whole)


def _changed(body: bytes, codec: int, random: Random, change: Change) -> bytes:
    """Of a zstd body now and then what is compressed in it, of others any bytes."""
    if codec in (ZSTD, RAW_ZSTD, U8_ZSTD) and random.random() < 0.5:
        start = max(0, body.find(zstandard.FRAME_HEADER))
        content = _inflated(body[start:])
        if content is not None:
            return body[:start] + zstandard.compress(change(content), 1)
    return change(body)


def _inflated(frame: bytes) -> bytes | None:
    try:
        if not 0 <= zstandard.frame_content_size(frame) <= 1 << 16:
            return None
        return zstandard.ZstdDecompressor(max_window_size=1 << 17).decompress(frame)
    except zstandard.ZstdError:
        return None
