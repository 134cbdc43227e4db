"""What the slicer puts into a bundle for devices to try it on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from common.bundle import Bundle
from common.canary import Arrays
from slicer.bundle import make
from slicer.run import Session
from tests.unit.slicer import graphs

IMAGES = [{"x": one[None]} for one in np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)]


def floats(values: Arrays, name: str = "y") -> npt.NDArray[np.float32]:
    return np.asarray(values[name], np.float32)


def test_samples_and_the_models_answers() -> None:
    """The first of the samples, with what the whole model gives for them."""
    whole = graphs.chain()
    found = Bundle.open(make(whole, "conv2", name="n", level="raw", samples=IMAGES)).canary()
    assert len(found) == 2
    for sample, image in zip(found, IMAGES, strict=False):
        np.testing.assert_array_equal(sample.inputs["x"], image["x"])
        np.testing.assert_allclose(floats(sample.outputs), floats(Session(whole)(image)), rtol=1e-5)
        assert sample.joined == {}, "head and tail give the same"


def test_noise_where_there_are_no_samples_and_none_where_none_is_wanted() -> None:
    """`canary` 0 leaves it out."""
    (sample,) = Bundle.open(make(graphs.chain(), "conv2", name="n", level="raw")).canary()
    assert np.std(floats(sample.inputs, "x")) > 0.5
    assert Bundle.open(make(graphs.chain(), "conv2", name="n", level="raw", canary=0)).canary() == ()


def test_with_a_layer_it_has_what_the_halves_give() -> None:
    """Which is not what the whole model gives."""
    made = make(graphs.chain(), "conv2", name="n", level="raw", samples=IMAGES, layer="pool")
    (sample, _) = Bundle.open(made).canary()
    assert sample.joined["y"].shape == sample.outputs["y"].shape
    assert not np.allclose(sample.joined["y"], sample.outputs["y"])


def test_what_differs_by_chance_or_by_machine_is_left_out() -> None:
    """A model that draws numbers, and one that sorts its answers, have no canary."""
    for operator, outputs in (("RandomNormalLike", ["y"]), ("NonZero", ["y"])):
        kind = TensorProto.INT64 if operator == "NonZero" else TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node("Relu", ["x"], ["r"]), helper.make_node(operator, ["r"], outputs)],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
            [helper.make_tensor_value_info("y", kind, None if operator == "NonZero" else [1, 4])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        assert Bundle.open(make(model, "r", name="n", level="raw")).canary() == ()
