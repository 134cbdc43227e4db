"""The decoder against hostile images: refused by their own headers, before a decoder takes memory or time for them."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from common.codec import IMAGE_LEVELS, JPEG, U8, U8_ZSTD, WEBP, CodecError, Fault, Level, Limits, decode, encode, header
from common.codec.header import Header
from tests.strategies_codec import sealed
from tests.unit.common.codec.test_images import smooth

LIMITS = Limits(max_elements=1 << 15)
SHAPE = (1, 3, 48, 64)
PIXELS = smooth()[0].transpose(1, 2, 0).astype(np.uint8)


def _file(form: str, pixels: np.ndarray = PIXELS, mode: str = "", **more: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, form, **more)
    return buffer.getvalue()


def _forged(
    codec: int, body: bytes, shape: tuple[int, ...] = SHAPE, axis: int | None = 1, *, form: int = 0, element: int = 2
) -> bytes:
    return header.pack(Header(codec, 8, shape, axis, form, len(body), element), body)


GOOD, WEB = _file("JPEG"), _file("WEBP", quality=80)
SCAN = GOOD.index(b"\xff\xda")
FRAME = GOOD.index(b"\xff\xc0")
EXIF = Image.Exif()
EXIF[0x10E] = "x"

HOSTILE = {
    "jpeg, claims 65535×65535": (JPEG, GOOD[: FRAME + 5] + b"\xff\xff\xff\xff" + GOOD[FRAME + 9 :]),
    "jpeg, another size": (JPEG, _file("JPEG", PIXELS[:47])),
    "jpeg, grey": (JPEG, _file("JPEG", PIXELS[:, :, 0])),
    "jpeg, progressive": (JPEG, _file("JPEG", progressive=True)),
    "jpeg, CMYK": (JPEG, _file("JPEG", mode="CMYK")),
    "jpeg, a scan again": (JPEG, GOOD[:-2] + GOOD[SCAN:]),
    "jpeg, two frames": (JPEG, GOOD[:FRAME] + GOOD[FRAME : FRAME + 19] + GOOD[FRAME:]),
    "jpeg, metadata": (JPEG, _file("JPEG", exif=EXIF)),
    "jpeg, a comment": (JPEG, _file("JPEG", comment=b"x")),
    "jpeg, no frame": (JPEG, GOOD[:FRAME] + GOOD[FRAME + 19 :]),
    "jpeg, only its ends": (JPEG, b"\xff\xd8\xff\xd9"),
    "jpeg, 4:1:1 and more": (JPEG, GOOD[: FRAME + 11] + b"\x44" + GOOD[FRAME + 12 :]),
    "jpeg, no tables": (JPEG, GOOD[:2] + GOOD[FRAME : FRAME + 19] + GOOD[SCAN:]),
    "jpeg, end missing": (JPEG, GOOD[:-2]),
    "webp, claims 16383×16383": (WEBP, WEB[:26] + b"\xff\x3f\xff\x3f" + WEB[30:]),
    "webp, another size": (WEBP, _file("WEBP", PIXELS[:47])),
    "webp, lossless": (WEBP, _file("WEBP", lossless=True)),
    "webp, metadata": (WEBP, _file("WEBP", exif=EXIF)),
    "webp, animated": (WEBP, _file("WEBP", save_all=True, append_images=[Image.fromarray(255 - PIXELS)])),
    "webp, cut": (WEBP, WEB[:20]),
    "webp, more after it": (WEBP, WEB + b"more"),
    "webp, damaged": (WEBP, WEB[:30] + b"\xff" * (len(WEB) - 30)),
    "webp as jpeg": (JPEG, WEB),
    "png": (JPEG, _file("PNG", pnginfo=PngImagePlugin.PngInfo())),
    "nothing": (WEBP, b""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_are_refused(name: str) -> None:
    """With one kind of error, and in no more memory than an image of the agreed size takes."""
    codec, body = HOSTILE[name]
    payload = _forged(codec, body)
    tracemalloc.start()
    try:
        with pytest.raises(CodecError) as refusal:
            decode(payload, LIMITS)
        assert refusal.value.fault in (Fault.CORRUPT, Fault.SHAPE_MISMATCH)
        assert tracemalloc.get_traced_memory()[1] < 1 << 19
    finally:
        tracemalloc.stop()


BYTES = bytes(np.prod(SHAPE))
CONTRADICTING = {
    "bytes too short": _forged(U8, BYTES[:-1], axis=None),
    "bytes too long": _forged(U8, BYTES + b"\0", axis=None),
    "zstd of nothing": _forged(U8_ZSTD, b"", axis=None),
    "bytes with clip ranges": _forged(U8, BYTES, axis=None, form=1),
    "bytes as float32": _forged(U8, BYTES, axis=None, element=1),
    "floats as bytes": sealed(header.pack(Header(1, 32, (4,), None, 0, 16, 2), bytes(16))),
    "an image without channels": _forged(JPEG, GOOD, axis=None),
    "channels on another axis": _forged(JPEG, GOOD, axis=2),
    "two images": _forged(JPEG, GOOD, (2, 3, 48, 64)),
    "four channels": _forged(JPEG, GOOD, (1, 4, 48, 64)),
    "an empty image": _forged(JPEG, GOOD, (1, 3, 0, 64)),
    "five axes": _forged(JPEG, GOOD, (1, 3, 48, 64, 1)),
}


@pytest.mark.parametrize("name", CONTRADICTING)
def test_headers_that_do_not_fit_bytes_or_images_are_refused(name: str) -> None:
    """What header and codec say must agree."""
    with pytest.raises(CodecError) as refusal:
        decode(CONTRADICTING[name], LIMITS)
    assert refusal.value.fault in (Fault.CORRUPT, Fault.SHAPE_MISMATCH)


def test_a_good_file_passes() -> None:
    """The same bytes without malice decode."""
    for codec, body in ((JPEG, GOOD), (WEBP, WEB)):
        assert np.abs(decode(_forged(codec, body), LIMITS)[0].transpose(1, 2, 0) - PIXELS).mean() < 6


@pytest.mark.parametrize("level", IMAGE_LEVELS.values(), ids=lambda level: level.name)
def test_every_truncation_is_refused(level: Level) -> None:
    """With length and checksum put right too, no start of a payload raises anything but CodecError."""
    payload = encode(smooth(), level)
    for end in (*range(36, min(120, len(payload))), *range(120, len(payload), 41)):
        cut = payload[:12] + struct.pack("<I", end - 36) + payload[16:end]
        with pytest.raises(CodecError):
            decode(sealed(cut), LIMITS)
        with pytest.raises(CodecError):
            decode(payload[:end], LIMITS)


@pytest.mark.parametrize("level", IMAGE_LEVELS.values(), ids=lambda level: level.name)
def test_decoding_takes_a_fixed_number_of_bytes_per_element(level: Level) -> None:
    """What is seen of memory stays within 24 bytes an element and a little."""
    tensor = smooth(3, 200, 300)
    payload = encode(tensor, level)
    decode(payload, Limits(tensor.size))  # what Pillow loads at first use does not count
    tracemalloc.start()
    try:
        decode(payload, Limits(tensor.size))
        assert tracemalloc.get_traced_memory()[1] < 24 * tensor.size + (64 << 10)
    finally:
        tracemalloc.stop()
