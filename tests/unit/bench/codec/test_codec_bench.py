"""The codec bench measures what it says: every level, real payloads, and a verdict that can be bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.codec.measure import Measured, losses, measure
from bench.codec.plot import draw
from bench.codec.report import GOAL_MS, HEADER, text
from bench.codec.tensors import SHAPE, Tensor, drawn, images
from common.codec import ALL_LEVELS, LEVELS


@pytest.fixture(scope="module")
def small() -> tuple[Tensor, list[Measured]]:
    """A small tensor at every level."""
    source = np.random.default_rng(2)
    several = [source.normal(size=(1, 4, 16, 16)).astype(np.float32) for _ in range(2)]
    tensor = Tensor("small", (several[0],), (several[1],))
    return tensor, list(measure(tensor))


@pytest.fixture(scope="module")
def smooth() -> tuple[Tensor, list[Measured]]:
    """Two small images at every level."""
    down, across = np.mgrid[0:32, 0:48]
    several = [np.rint(np.stack([down * 5 + n, across * 4, down + across]))[None].astype(np.float32) for n in (0, 9)]
    tensor = Tensor("smooth", tuple(several), tuple(several), "uint8")
    return tensor, list(measure(tensor))


def test_every_level_is_measured(small: tuple[Tensor, list[Measured]]) -> None:
    """One row a level, none larger than raw by more than a header, speeds above 0."""
    tensor, rows = small
    assert [one.level.name for one in rows] == list(LEVELS)
    assert all(0 < one.size <= tensor.several[0].nbytes + HEADER for one in rows)
    assert all(one.encode_mbs > 0 and one.decode_mbs > 0 for one in rows)


def test_the_verdict_can_be_bad(small: tuple[Tensor, list[Measured]]) -> None:
    """Slower than the goal is said."""
    tensor, rows = small
    slow = [replace(one, encode_ms=GOAL_MS + 1) for one in rows]
    fast = [replace(one, encode_ms=GOAL_MS - 1) for one in rows]
    assert "OVER 8 ms" in text({"small": (tensor, slow)})
    assert "within 8 ms" in text({"small": (tensor, fast)})


def test_the_stated_size() -> None:
    """About 400,000 elements, drawn anew the same."""
    one, again = drawn()[0], drawn()[0]
    assert 390_000 < one.elements == np.prod(SHAPE) < 410_000
    assert np.array_equal(one.several[0], again.several[0])


def test_images_are_measured_at_every_level(smooth: tuple[Tensor, list[Measured]]) -> None:
    """Theirs and those for any tensor; just the lossless ones lose nothing, and 8 bits, which are exact for pixels."""
    tensor, rows = smooth
    assert [one.level.name for one in rows] == list(ALL_LEVELS)
    by_name = {one.level.name: one for one in rows}
    assert by_name["u8"].size == tensor.elements + HEADER == 3 * 32 * 48 + 36
    assert by_name["jpeg-50"].size < by_name["jpeg-95"].size < by_name["u8"].size
    exact = {one.level.name for one in rows if not one.most_off}
    assert exact == {"raw", "raw-zstd", "u8", "u8-zstd", "packed-8", "zstd-8", "rans-8"}
    assert by_name["jpeg-95"].psnr_db > by_name["jpeg-50"].psnr_db
    assert by_name["u8"].encode_mbs * by_name["u8"].encode_ms == pytest.approx(tensor.elements / 1e3)


def test_losses_are_those_of_pixels() -> None:
    """An error of 1 everywhere is 48.13 dB; means are of the images' figures; no error is infinitely good."""
    image, other = np.zeros((1, 1, 4, 4), np.float32), np.full((1, 1, 4, 4), 7, np.float32)
    assert losses([image], [image + 1]) == pytest.approx((48.1308, 1.0))
    assert losses([image, other], [image + 1, other - 10]) == pytest.approx((48.1308 - 10, 10.0))
    assert losses([image], [image]) == (np.inf, 0.0)


def test_the_page_and_picture_have_images_and_tensors(
    small: tuple[Tensor, list[Measured]], smooth: tuple[Tensor, list[Measured]], tmp_path: Path
) -> None:
    """The verdict is of tensors alone; images have bytes and losses, their own levels first."""
    results = {"small": small, "smooth": smooth}
    page = text(results)
    assert "- small:" in page
    assert "- smooth:" not in page
    images_part = page.split("## smooth")[1]
    assert "| u8 | 4,644 | 8.06 | 1.0 | lossless | 0 |  |" in images_part
    assert images_part.index("| webp-50 |") < images_part.index("| raw |")
    draw(results, tmp_path / "codec.png")
    assert (tmp_path / "codec.png").stat().st_size


def test_the_photographs_are_pixels() -> None:
    """1×3×224×224, whole numbers from 0 to 255."""
    found = images()
    assert {one.shape for one in found.several} == {(1, 3, 224, 224)}
    assert all(np.array_equal(one, one.astype(np.uint8)) for one in found.several)
