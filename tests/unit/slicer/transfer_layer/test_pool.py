"""The pooled Transfer Layer between the halves of models: sizes, values, and what is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, checker, helper

from common.bundle import Bundle
from slicer.bundle import activations, make
from slicer.load import parse
from slicer.model import SlicerError
from slicer.run import Session
from tests.unit.slicer import graphs


def _relus(height: int | str, width: int | str, opset: int = 17) -> ModelProto:
    shape = ["N", 3, height, width]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"])]
    graph = helper.make_graph(nodes, "relus", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _upsampled(values: np.ndarray) -> np.ndarray:
    """The definition, slowly: each value is the largest of its window of 2×2, which the edge may cut short."""
    out = np.empty_like(values)
    for row in range(0, values.shape[2], 2):
        for column in range(0, values.shape[3], 2):
            window = values[:, :, row : row + 2, column : column + 2]
            out[:, :, row : row + 2, column : column + 2] = window.max(axis=(2, 3), keepdims=True)
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 3), st.sampled_from([9, 13, 17]))
def test_the_tail_gets_the_exact_size(height: int, width: int, count: int, opset: int) -> None:
    """Whatever the sizes, odd ones too, head and tail together give the pooled map in the model's own shape."""
    bundle = Bundle.open(make(_relus(height, width, opset), "a", name="m", level="rans-4", layer="pool"))
    values = np.random.default_rng(0).normal(size=(count, 3, height, width)).astype(np.float32)
    sent = activations(parse(bundle.head_bytes(), "head"), [{"x": values}])[0]
    assert sent.shape == (count, 3, -(-height // 2), -(-width // 2))
    assert bundle.manifest.cut.shape[1:] == sent.shape[1:]
    answer = Session(bundle.tail_bytes())({bundle.manifest.tail_input: sent})["y"]
    assert np.array_equal(answer, -_upsampled(np.maximum(values, 0)))


def test_parts_are_valid_and_the_manifest_names_the_layer() -> None:
    """Both halves pass the ONNX checker; the manifest says which layer, and nothing where there is none."""
    bundle = Bundle.open(make(graphs.chain(), "conv2", name="m", level="rans-4", layer="pool"))
    for part in (bundle.head_bytes(), bundle.tail_bytes()):
        checker.check_model(parse(part, "part"), full_check=True)
    assert bundle.manifest.transfer_layer == "pool"
    plain = Bundle.open(make(graphs.chain(), "conv2", name="m", level="rans-4"))
    assert "transfer_layer" not in json.loads(plain.manifest.to_json())


def test_tensors_that_are_no_maps_of_known_size_are_refused() -> None:
    """A vector, and a map with an open height, are told apart by the message."""
    with pytest.raises(SlicerError, match="no feature map"):
        make(graphs.shape_stays_live(), "c", name="m", level="rans-4", layer="pool")
    with pytest.raises(SlicerError, match="open sizes"):
        make(_relus("H", 8), "a", name="m", level="rans-4", layer="pool", shapes={"x": (1, 3, 8, 8)})
