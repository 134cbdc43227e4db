"""Models that take the bytes of an image, and bundles that upload them."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from common.bundle import Bundle
from common.codec import ALL_LEVELS, LEVELS, Limits, decode, encode
from slicer import bundle, check, graph, load
from slicer.cut import split
from slicer.model import SlicerError
from slicer.pixels import Scaling, from_pixels
from slicer.run import Session
from slicer.samples import Arrays
from tests.unit.slicer import graphs

SCALING = Scaling(1 / 255, (0.1, 0.2, 0.3), (0.5,))


def _pixels(count: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), np.uint8)


def test_a_model_takes_pixels_as_it_took_floats() -> None:
    """Scale, mean and std are applied inside, channel by channel."""
    made = from_pixels(graphs.chain(), SCALING)
    onnx.checker.check_model(made, full_check=True)
    pixels = _pixels(2)
    floats = (pixels * np.float32(1 / 255) - np.array([0.1, 0.2, 0.3], "f4").reshape(1, 3, 1, 1)) / np.float32(0.5)
    (got,), (want,) = Session(made)({"x": pixels}).values(), Session(graphs.chain())({"x": floats}).values()
    np.testing.assert_allclose(np.asarray(got, np.float32), np.asarray(want, np.float32), rtol=1e-5, atol=1e-5)


def test_channels_may_come_last() -> None:
    """One value a channel goes along the last axis of N×H×W×C."""
    nodes = [graphs.node("Relu", "x", "a"), graphs.node("Identity", "a", "y")]
    made = from_pixels(graphs.model(nodes, {"x": [1, 4, 5, 3]}, {"y": [1, 4, 5, 3]}), Scaling(mean=(-1.0, -2.0, -3.0)))
    (got,) = Session(made)({"x": np.zeros((1, 4, 5, 3), np.uint8)}).values()
    assert got.tolist() == [[[[1, 2, 3]] * 5] * 4]


@pytest.mark.parametrize(
    ("shape", "scaling", "said"),
    [
        ((1, 10), Scaling(), "no image"),
        ((1, 4, 8, 8), Scaling(), "no axis has 1 channels"),
        ((1, 3, 8, 8), Scaling(mean=(1.0, 2.0)), "no axis has 2 channels"),
    ],
)
def test_what_is_no_image_is_refused(shape: tuple[int, ...], scaling: Scaling, said: str) -> None:
    """With the way out."""
    made = graphs.model([graphs.node("Relu", "x", "y")], {"x": shape}, {"y": shape})
    with pytest.raises(SlicerError, match=said):
        from_pixels(made, scaling)


def test_two_inputs_are_no_image() -> None:
    """Nor can one of two be the cut."""
    with pytest.raises(SlicerError, match="2"):
        from_pixels(graphs.two_inputs(late=False), Scaling())
    with pytest.raises(SlicerError, match="2 inputs"):
        graph.input_cut(graphs.two_inputs(late=False))


@pytest.mark.parametrize("name", ["float32", "uint8", "float16"])
def test_at_the_input_the_tail_is_the_whole(name: str) -> None:
    """The head hands on what it is given; nothing is lost on the way."""
    made = graphs.chain()
    if name == "uint8":
        made = from_pixels(made, SCALING)
    if name == "float16":
        made.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
        made.graph.node[0].input[0] = "x32"
        made.graph.node.insert(0, helper.make_node("Cast", ["x"], ["x32"], to=TensorProto.FLOAT))
    value = _pixels().astype(name)
    cut = graph.input_cut(made)
    halves = split(made, replace(cut, tensor=replace(cut.tensor, shape=(1, 3, 8, 8))))
    (sent,) = Session(halves.head)({"x": value}).values()
    assert sent.dtype == np.float32
    (got,) = Session(halves.tail)({load.inputs(halves.tail)[0].name: sent}).values()
    (want,) = Session(made)({"x": value}).values()
    np.testing.assert_array_equal(got, want)


def test_a_bundle_at_the_input_uploads_a_byte_a_pixel() -> None:
    """Eight bits keep every pixel: nothing is lost, and a device needs no other codec for it."""
    made = from_pixels(graphs.chain(), SCALING)
    samples = [{"x": pixels[None]} for pixels in _pixels(4)]
    opened = Bundle.open(bundle.make(made, "input", name="m", level="packed-8", samples=samples))
    assert opened.cut_id == "input"
    level = LEVELS["packed-8"]
    payload = encode(samples[0]["x"], level, opened.codec_params(level))
    assert len(payload) < samples[0]["x"].size + 64
    np.testing.assert_array_equal(decode(payload, Limits(192, opened.cut_shape)), samples[0]["x"])
    levels = {one.level: one for one in check.check(opened, samples).levels}
    assert levels["packed-8"].output_error == levels["rans-8"].output_error == 0
    assert levels["packed-2"].output_error > 0
    assert levels["u8"].output_error == levels["u8-zstd"].output_error == 0
    assert levels["jpeg-95"].output_error <= levels["jpeg-50"].output_error


FLOATS = graphs.chain()
BYTES = [{"x": pixels[None].astype(np.float32)} for pixels in _pixels(4)]


@pytest.mark.parametrize(
    ("at", "model", "samples", "layer"),
    [
        ("0", from_pixels(graphs.chain(), SCALING), [{"x": pixels[None]} for pixels in _pixels(4)], "none"),
        ("input", FLOATS, (), "none"),
        ("input", FLOATS, [*BYTES, {"x": BYTES[0]["x"] / 2}], "none"),
        ("input", from_pixels(graphs.chain(), SCALING), (), "pool"),
    ],
    ids=["feature map", "floats nobody knows", "floats that are no bytes", "behind a layer"],
)
def test_levels_of_images_are_for_images(at: str, model: ModelProto, samples: list[Arrays], layer: str) -> None:
    """Elsewhere a bundle does not offer them, and cannot start with one."""
    opened = Bundle.open(bundle.make(model, at, name="m", level="raw", samples=samples, layer=layer))
    assert opened.manifest.levels == tuple(LEVELS)
    with pytest.raises(SlicerError, match='"jpeg-85" is for images'):
        bundle.make(model, at, name="m", level="jpeg-85", samples=samples, layer=layer)


def test_an_image_may_be_floats() -> None:
    """Whole numbers from 0 to 255 in every sample, whatever their type."""
    opened = Bundle.open(bundle.make(FLOATS, "input", name="m", level="webp-90", samples=BYTES))
    assert opened.manifest.levels == tuple(ALL_LEVELS)
    assert opened.manifest.default_level == "webp-90"
