"""What a JPEG or WebP file says about itself, read before any image decoder sees it.

Only the plainest form of each is let through, which is also what is written here: JPEG baseline with one scan and no
metadata beyond JFIF's (hostile files hide sizes in it, and repeat scans to take time), WebP of one lossy frame.
"""

from __future__ import annotations

import re
import struct

from common.codec.errors import CodecError, Fault

Size = tuple[int, int, int]
"""Height, width, channels."""

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOF, _SOS, _DHT, _DQT, _DRI, _APP0 = 0xC0, 0xDA, 0xC4, 0xDB, 0xDD, 0xE0
_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")  # what is neither a stuffed byte nor a restart
_FRAME = struct.Struct(">BHHB")
_WEBP = struct.Struct("<4sI4s4sI")
_KEY_FRAME = b"\x9d\x01\x2a"


def jpeg(body: memoryview) -> Size:
    """The size of a baseline JPEG of 1 or 3 channels. Raises CodecError for any other file."""
    if body[:2] != _SOI or body[-2:] != _EOI:
        raise _no("JPEG")
    at, size = 2, None
    while True:
        marker, segment = _segment(body, at)
        at += 4 + len(segment)
        if marker == _SOF and size is None:
            size = _frame(segment)
        elif marker == _SOS:
            break
        elif marker not in (_DHT, _DQT, _DRI, _APP0):
            raise _no("JPEG")
    if size is None or segment[0] != size[2] or _IN_SCAN.search(body, at, len(body) - 2):
        raise _no("JPEG")
    return size


def webp(body: memoryview) -> Size:
    """The size of a WebP of one lossy frame, which has 3 channels. Raises CodecError for any other file."""
    if len(body) < _WEBP.size + 10:
        raise _no("WebP")
    riff, whole, form, chunk, length = _WEBP.unpack_from(body)
    if (riff, form, chunk) != (b"RIFF", b"WEBP", b"VP8 ") or whole + 8 != len(body):
        raise _no("WebP")
    frame = body[_WEBP.size :]
    if len(frame) != length + length % 2 or frame[0] & 1 or frame[3:6] != _KEY_FRAME:
        raise _no("WebP")
    width, height = struct.unpack_from("<2H", frame, 6)
    return height & 0x3FFF, width & 0x3FFF, 3


def _segment(body: memoryview, at: int) -> tuple[int, memoryview]:
    """Marker and content of the segment at `at`."""
    if at + 5 > len(body) or body[at] != 0xFF:
        raise _no("JPEG")
    length = int.from_bytes(body[at + 2 : at + 4], "big")
    if length < 3 or at + 2 + length > len(body):
        raise _no("JPEG")
    return body[at + 1], body[at + 4 : at + 2 + length]


def _frame(segment: memoryview) -> Size:
    """Of 8 bits, and with at most twice as many samples of one channel as of another along an axis."""
    if len(segment) < _FRAME.size:
        raise _no("JPEG")
    depth, height, width, channels = _FRAME.unpack_from(segment)
    if depth != 8 or channels not in (1, 3) or len(segment) != _FRAME.size + 3 * channels:
        raise _no("JPEG")
    samples = segment[_FRAME.size + 1 :: 3]
    if any(one not in (0x11, 0x12, 0x21, 0x22) for one in samples):
        raise _no("JPEG")
    return height, width, channels


def _no(form: str) -> CodecError:
    return CodecError(Fault.CORRUPT, f"the body is no plain {form} image")
