"""Work of quantised and recurrent operators; the plain ones are counted in test_graph."""

import pytest
from onnx import GraphProto, NodeProto

from slicer.macs import macs
from slicer.model import Tensor
from tests.unit.slicer.graphs import node

SHAPES = {
    "image": (1, 3, 8, 8), "kernels": (4, 3, 3, 3), "filtered": (1, 4, 6, 6), "rows": (7, 8), "matrix": (8, 5),
    "product": (7, 5), "steps": (7, 2, 3), "lstm": (1, 20, 3), "gru": (1, 15, 3), "states": (7, 1, 2, 5),
}  # fmt: skip


@pytest.mark.parametrize(
    ("made", "work"),
    [
        (node("ConvInteger", "image kernels", "filtered"), 4 * 36 * 27),
        (node("QLinearConv", "image s z kernels s z s z", "filtered"), 4 * 36 * 27),
        (node("MatMulInteger", "rows matrix", "product"), 7 * 5 * 8),
        (node("QLinearMatMul", "rows s z matrix s z s z", "product"), 7 * 5 * 8),
        (node("LSTM", "steps lstm r", "states", hidden_size=5), 14 * 20 * (3 + 5)),
        (node("GRU", "steps gru r", "states", hidden_size=5), 14 * 15 * (3 + 5)),
        (node("Relu", "image", "image"), 0),
        (node("Conv", "image unknown", "filtered"), None),
    ],
)
def test_work_is_a_multiplication_a_weight_and_place(made: NodeProto, work: int | None) -> None:
    """Scales and zero points are no weights; gates have weights for the input and for the state."""
    known = {name: Tensor(name, "float32", shape) for name, shape in SHAPES.items()}
    assert macs(made, known, GraphProto()) == work
