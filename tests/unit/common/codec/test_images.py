"""The levels of images: bytes as they are, JPEG and WebP, on tensors of whole numbers from 0 to 255."""

import numpy as np
import pytest
from hypothesis import given

from common.codec import (
    IMAGE_LEVELS,
    JPEG,
    LEVELS,
    MAX_HEADER,
    RAW,
    U8,
    U8_ZSTD,
    WEBP,
    Level,
    Limits,
    decode,
    encode,
    image_axis,
    peek,
)  # fmt: skip
from tests import strategies_codec as some
from tests.strategies_codec import Floats

ANY = Limits(max_elements=1 << 20)
U8_HEX = "5350544302060802 04ff0000 0c000000 c1a7424b 01000000010000000300000004000000 000102030405060708090aff"


def smooth(channels: int = 3, height: int = 48, width: int = 64) -> Floats:
    """N×C×H×W, as photographs are: neighbours alike."""
    rows, columns, channel = np.arange(height)[:, None], np.arange(width), np.arange(channels)[:, None, None]
    waves = 120 + 60 * np.sin(rows / 9 + channel) + 50 * np.cos(columns / 11 - channel)
    return np.asarray(np.rint(waves)[None], np.float32)


@given(some.images(), some.image_levels)
def test_an_image_comes_back_in_its_shape(image: Floats, level: Level) -> None:
    """Whole numbers from 0 to 255 in the same shape; exactly where the level loses nothing; never more than bytes."""
    payload = encode(image, level)
    back = decode(payload, Limits(image.size, image.shape))
    assert back.shape == image.shape
    assert back.dtype == np.float32
    assert np.array_equal(back, np.clip(np.rint(back), 0, 255))
    assert len(payload) <= image.size + MAX_HEADER
    if level.lossless:
        assert np.array_equal(back, image)


@pytest.mark.parametrize("level", IMAGE_LEVELS.values(), ids=lambda level: level.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_of_images_is_taken(level: Level, channels: int) -> None:
    """A smooth image travels in the form asked for, both layouts, near to what it was."""
    image = smooth(channels)
    for laid, axis in ((image, 1), (np.ascontiguousarray(image.transpose(0, 2, 3, 1)), 3)):
        payload = encode(laid, level)
        head = peek(payload)
        assert (head.codec, head.bits, head.shape) == (level.codec, 8, laid.shape)
        assert head.axis == (axis if level.codec in (JPEG, WEBP) else None)
        assert np.abs(decode(payload, ANY) - laid).mean() < (0.01 if level.lossless else 6)


def test_less_quality_takes_fewer_bytes() -> None:
    """Of each form; and bytes take a quarter of float32."""
    sizes = {name: len(encode(smooth(), level)) for name, level in IMAGE_LEVELS.items()}
    assert sizes["jpeg-95"] > sizes["jpeg-85"] > sizes["jpeg-75"] > sizes["jpeg-50"]
    assert sizes["webp-90"] > sizes["webp-50"]
    assert sizes["u8"] == smooth().size + 36 < len(encode(smooth(), LEVELS["raw"])) / 3.9


@pytest.mark.parametrize("odd", [0.5, -1, 256, float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("level", IMAGE_LEVELS.values(), ids=lambda level: level.name)
def test_what_is_no_image_loses_nothing(level: Level, odd: float) -> None:
    """One element that is no byte (-0 is 0), and the tensor travels as raw float32, bit by bit."""
    tensor = smooth()
    tensor[0, 1, 2, 3] = odd
    payload = encode(tensor, level)
    assert peek(payload).codec == RAW
    assert decode(payload, ANY).tobytes() == tensor.tobytes()


@pytest.mark.parametrize("shape", [(), (7,), (3, 40), (2, 3, 8, 8), (1, 4, 8, 8), (1, 3, 8, 8, 1)], ids=str)
def test_bytes_of_other_shapes_travel_as_bytes(shape: tuple[int, ...]) -> None:
    """Several images, or tensors that are none: nothing is lost at any level of images."""
    assert image_axis(shape) is None
    tensor = (np.arange(np.prod(shape)) % 256).reshape(shape).astype(np.float32)
    for level in IMAGE_LEVELS.values():
        payload = encode(tensor, level)
        assert peek(payload).codec in (U8, U8_ZSTD)
        assert np.array_equal(decode(payload, ANY), tensor)


def test_images_too_wide_for_a_form_travel_as_bytes() -> None:
    """WebP ends at 16383 pixels, JPEG at 65500."""
    wide = np.zeros((1, 1, 1, 70_000), np.float32)
    assert peek(encode(wide, IMAGE_LEVELS["jpeg-85"])).codec == U8
    assert peek(encode(wide[..., :17_000], IMAGE_LEVELS["webp-90"])).codec == U8


def test_version_2_stays_readable() -> None:
    """Bytes travel under version 2, as the first release of it wrote them; float32 stays under version 1."""
    tensor = np.array([*range(11), 255], np.float32).reshape(1, 1, 3, 4)
    assert encode(tensor, IMAGE_LEVELS["u8"]).hex() == U8_HEX.replace(" ", "")
    assert np.array_equal(decode(bytes.fromhex(U8_HEX), ANY), tensor)
    assert encode(tensor, LEVELS["raw"])[4] == 1


def test_levels_are_ordered_by_what_they_keep() -> None:
    """Bytes keep all, a higher quality more than a lower one, and none of them as much as 5 bits."""
    kept = {name: level.kept for name, level in IMAGE_LEVELS.items()}
    assert kept["u8"] == kept["u8-zstd"] == LEVELS["raw"].kept
    assert LEVELS["rans-5"].kept > kept["jpeg-95"] > kept["jpeg-85"] > kept["jpeg-75"] > kept["jpeg-50"]
    assert kept["webp-90"] > kept["webp-50"] > LEVELS["rans-3"].kept
