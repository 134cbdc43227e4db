"""Encoders of a bundle, and the ladder of levels that its default and `--min-level` make."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from common import codec
from common.bundle import Bundle
from common.bundle_manifest import Rate
from common.codec import ALL_LEVELS, LEVELS, Limits
from common.errors import InvalidArgument
from edge_agent.encode import encoders_of, ladder_of
from tests.fakes.edge_model import Cut, cut, pictures, upload


def _ladder(made: Cut, least: str = "") -> tuple[list[str], list[str]]:
    """The levels that keep enough, and those that may be used at all, in order."""
    _, ladder = ladder_of(made.bundle, encoders_of(made.bundle), "", least)
    return list(ladder.names[: ladder.enough]), list(ladder.names[: ladder.least])


def test_a_bundle_of_a_feature_map_offers_no_level_of_images() -> None:
    """Whatever is known here."""
    assert list(encoders_of(cut().bundle)) == sorted(LEVELS, key=lambda name: -LEVELS[name].kept)


def test_an_image_that_may_lose_nothing_travels_in_what_loses_nothing() -> None:
    """By default neither JPEG nor a quantiser is chosen."""
    enough, used = _ladder(upload())
    assert set(enough) == {"raw", "raw-zstd", "u8", "u8-zstd"}
    assert used == enough


def test_a_lossy_level_is_chosen_where_the_default_is_as_lossy() -> None:
    """JPEG at 85 lets in what keeps as much: higher qualities, and 4 bits and more; not WebP at 50."""
    enough, _ = _ladder(upload(level="jpeg-85"))
    assert {"u8", "jpeg-95", "jpeg-85", "webp-90", "rans-4"} <= set(enough)
    assert not {"jpeg-75", "jpeg-50", "webp-75", "webp-50", "rans-3"} & set(enough)


def test_min_level_lets_in_more_for_a_deadline() -> None:
    """Down to it, and no lower."""
    enough, used = _ladder(upload(), "jpeg-75")
    assert "jpeg-95" not in enough
    assert {"jpeg-95", "jpeg-85", "jpeg-75", "webp-75"} <= set(used)
    assert not {"jpeg-50", "webp-50"} & set(used)


def test_a_level_that_was_measured_to_be_useless_is_never_taken() -> None:
    """However much the operator would let go for a deadline; one that gives less but something is."""
    bundle = cut().bundle
    default = bundle.manifest.default_level
    rates = [
        Rate(default, 100, 0.9, "agreement"),
        Rate("rans-3", 50, 0.5, "agreement"),
        Rate("rans-2", 9, 0.4, "agreement"),
    ]
    held = SimpleNamespace(manifest=replace(bundle.manifest, rates=tuple(rates)))
    _, ladder = ladder_of(cast(Bundle, held), encoders_of(bundle), "", "rans-2")
    assert "rans-2" not in ladder.names
    assert {"rans-3", "zstd-2", default} <= set(ladder.names[: ladder.least])


@pytest.mark.parametrize("name", list(ALL_LEVELS))
def test_images_come_back_at_every_level(name: str) -> None:
    """As float32 of the cut's shape, which is what the tail takes."""
    made = upload()
    (image,) = pictures(1)
    encoded = encoders_of(made.bundle)[name]({made.bundle.manifest.cut.name: image})
    back = codec.decode(encoded.payload, Limits(image.size, made.bundle.cut_shape))
    assert encoded.shape == back.shape == image.shape
    assert np.abs(back - image).max() <= (0 if ALL_LEVELS[name].lossless else 128)


def test_levels_that_are_not_offered_are_refused() -> None:
    """A level of images is no level of a feature map's bundle."""
    made = cut().bundle
    with pytest.raises(InvalidArgument, match='does not offer "jpeg-85"'):
        ladder_of(made, encoders_of(made), "jpeg-85", "")
