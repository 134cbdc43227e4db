"""Images to tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import InvalidArgument
from edge_agent.inputs.preprocess import Preprocess, parse, read

RED = (200, 10, 30)


def test_recognition_of_text_lines() -> None:
    """A line is scaled to its height, padded on the right, BGR, in -1..1, as PP-OCR's recogniser wants it."""
    spec = parse(
        '{"height": 48, "width": 320, "fit": "height", "pad": 128, "channels": "BGR",'
        ' "scale": 0.00784313725490196, "mean": [1, 1, 1]}'
    )
    assert spec
    tensor = np.asarray(spec.tensor(Image.new("RGB", (100, 24), RED), "float32"), np.float32)
    assert spec.tensor(Image.new("RGB", (100, 24), RED), "float32").dtype == np.float32
    assert tensor.shape == (1, 3, 48, 320)
    np.testing.assert_allclose(tensor[0, :, 5, 5], [30 / 127.5 - 1, 10 / 127.5 - 1, 200 / 127.5 - 1], atol=1e-5)
    np.testing.assert_allclose(tensor[0, :, 47, 199], tensor[0, :, 5, 5], atol=1e-5)
    np.testing.assert_allclose(tensor[0, :, :, 200:], 128 / 127.5 - 1, atol=1e-5)
    assert spec.tensor(Image.new("RGB", (1000, 24), RED), "float32").shape == (1, 3, 48, 320)


def test_fits_layouts_and_bytes() -> None:
    """Stretch fills, contain keeps the ratio; channels may be last, grey, or stay bytes."""
    wide = Image.new("RGB", (40, 10), RED)
    stretched = Preprocess(20, 20).tensor(wide, "uint8")
    assert (stretched[0] == np.array(RED, np.uint8)[:, None, None]).all()
    contained = Preprocess(20, 20, fit="contain", pad=7, layout="NHWC").tensor(wide, "uint8")
    assert contained.shape == (1, 20, 20, 3)
    assert (contained[0, :5] == RED).all()
    assert (contained[0, 5:] == 7).all()
    assert Preprocess(20, 20, channels="GRAY").tensor(wide, "float32").shape == (1, 1, 20, 20)
    with pytest.raises(InvalidArgument, match="uint8"):
        Preprocess(20, 20, scale=0.5).tensor(wide, "uint8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON"), ("[]", "object"), ("@/nowhere.json", "@FILE"), ('{"height": 1}', "width"),
        ('{"height": 0, "width": 1}', "height"), ('{"height": 1, "width": 1, "size": 2}', "size"),
        ('{"height": 1, "width": 1, "fit": "crop"}', "stretch"), ('{"height": 1, "width": 1, "pad": 256}', "pad"),
        ('{"height": 1, "width": 1, "mean": [1]}', "3 numbers"), ('{"height": 1, "width": 1, "std": [1, 0, 1]}', "std"),
        ('{"height": 1, "width": 1, "scale": NaN}', "scale"), ('{"height": true, "width": 1}', "height"),
    ],
)  # fmt: skip
def test_wrong_specs_are_named(text: str, words: str) -> None:
    """A wrong specification is refused with the key that is wrong."""
    with pytest.raises(InvalidArgument, match="--preprocess") as caught:
        parse(text)
    assert words in caught.value.message


def test_specs_from_files_and_broken_images(tmp_path: Path) -> None:
    """The flag may name a file; a broken or huge image is refused by its name."""
    (tmp_path / "spec.json").write_text(json.dumps({"height": 4, "width": 4}))
    spec = parse(f"@{tmp_path / 'spec.json'}")
    assert spec == Preprocess(4, 4)
    assert spec
    Image.new("RGB", (8, 8), RED).save(tmp_path / "good.jpg")
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert read(tmp_path / "good.jpg", spec, "uint8").shape == (1, 3, 4, 4)
    with pytest.raises(InvalidArgument, match=r"cut\.jpg"):
        read(tmp_path / "cut.jpg", spec, "uint8")
    Image.new("1", (9_000, 8_000)).save(tmp_path / "huge.png")
    with pytest.raises(InvalidArgument, match="pixels"):
        read(tmp_path / "huge.png", spec, "uint8")


def test_no_spec() -> None:
    """Without the flag there is no preprocessing."""
    assert parse("") is None
