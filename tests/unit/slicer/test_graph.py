"""Cut points: where exactly one tensor is live, and nowhere else."""

import numpy as np
import pytest
from onnx import ModelProto

from slicer import graph, load
from slicer.model import SlicerError
from tests.unit.slicer import graphs
from tests.unit.slicer.graphs import model, node

CUTS = {
    "chain": (graphs.chain(), ["conv1", "relu1", "conv2", "flat"]),
    "old IR, constants among the inputs": (graphs.chain(ir=3), ["conv1", "relu1", "conv2", "flat"]),
    "residual": (graphs.residual(), ["a", "sum"]),
    "branches": (graphs.branches(), ["a", "joined"]),
    "constants": (graphs.constant_chain(), ["a", "b"]),
    "shape stays live": (graphs.shape_stays_live(), ["c"]),
    "two inputs, late": (graphs.two_inputs(late=True), ["c"]),
    "two inputs, first": (graphs.two_inputs(late=False), ["a", "b"]),
    "two outputs": (graphs.two_outputs(), ["a", "b"]),
    "subgraph": (graphs.subgraph(), ["a", "c"]),
    "dead code": (graphs.dead_code(), ["a", "b"]),
    "integers": (graphs.integers(), ["i", "f"]),
    "one node": (graphs.one_node(), []),
    "an input nobody uses": (graphs.unused_passthrough_input(), ["a"]),
}


def _cuts(made: ModelProto) -> list[str]:
    return [cut.tensor.name for cut in graph.cut_points(load.with_shapes(made, {}))]


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_where_one_tensor_is_live(name: str) -> None:
    """Residuals, branches, late inputs and outside reads rule cuts out; constants and dead code do not."""
    made, want = CUTS[name]
    assert _cuts(made) == want


def test_cuts_tell_size_and_work() -> None:
    """With the input's sizes known, each cut has its bytes, and the multiply-accumulates up to it."""
    found = graph.cut_points(load.with_shapes(graphs.chain(), {"x": (1, 3, 8, 8)}))
    assert [cut.raw_bytes for cut in found] == [4 * 4 * 36, 4 * 4 * 36, 4 * 8 * 36, 4 * 8 * 36]
    conv1, conv2, linear = 4 * 36 * 27, 8 * 36 * 4, 5 * 8 * 36
    assert [cut.head_macs for cut in found] == [conv1, conv1, conv1 + conv2, conv1 + conv2]
    assert {cut.total_macs for cut in found} == {conv1 + conv2 + linear}
    assert [cut.head_nodes for cut in found] == [1, 2, 3, 4]


def test_open_sizes_leave_size_and_work_open() -> None:
    """With an open batch neither bytes nor work are claimed."""
    found = graph.cut_points(load.with_shapes(graphs.chain(), {}))
    assert {cut.raw_bytes for cut in found} == {cut.head_macs for cut in found} == {None}
    assert found[0].tensor.shape == ("N", 4, 6, 6)


def test_work_of_every_counted_operator() -> None:
    """Conv with groups, ConvTranspose, Gemm and MatMul count one per weight and place."""
    ones = np.ones
    nodes = [
        node("Conv", "x w1", "a", group=2, pads=[1, 1, 1, 1]), node("ConvTranspose", "a w2", "b", strides=[2, 2]),
        node("GlobalAveragePool", "b", "c"), node("Flatten", "c", "d"), node("Gemm", "d w3", "e", transB=1),
        node("MatMul", "e w4", "y"),
    ]  # fmt: skip
    constants = {
        "w1": ones((6, 2, 3, 3), np.float32), "w2": ones((6, 3, 2, 2), np.float32),
        "w3": ones((7, 3), np.float32), "w4": ones((7, 2), np.float32),
    }  # fmt: skip
    made = model(nodes, {"x": [1, 4, 5, 5]}, {"y": [1, 2]}, constants)
    found = graph.cut_points(load.with_shapes(made, {}))
    conv, transposed, gemm, matmul = 6 * 25 * 2 * 9, 6 * 25 * 3 * 4, 7 * 3, 2 * 7
    assert [cut.head_macs for cut in found][:2] == [conv, conv + transposed]
    assert found[0].total_macs == conv + transposed + gemm + matmul


def test_a_cut_is_found_by_index_name_and_id() -> None:
    """All three names of a cut lead to it, others are refused with the way out."""
    found = graph.cut_points(load.with_shapes(graphs.chain(), {}))
    assert graph.find(found, "1") == graph.find(found, "relu1") == graph.find(found, "1:relu1") == found[1]
    for wrong in ("x", "y", "4", "-1", ""):
        with pytest.raises(SlicerError, match="from 0 to 3"):
            graph.find(found, wrong)
    with pytest.raises(SlicerError, match="no valid cut"):
        graph.find([], "a")


def test_wrong_shapes_are_refused() -> None:
    """Sizes for an input that is not there, or against what the model says, are refused by name."""
    for shapes in ({"z": (1, 3, 8, 8)}, {"x": (1, 4, 8, 8)}, {"x": (1, 3)}):
        with pytest.raises(SlicerError, match="input"):
            load.with_shapes(graphs.chain(), shapes)


def test_random_numbers_are_no_constants() -> None:
    """What is drawn anew at each run may be drawn in one half only."""
    nodes = [node("Relu", "x", "a"), node("RandomNormal", "", "noise", shape=[1, 4]), node("Add", "a noise", "b"),
             node("Add", "b noise", "c"), node("Relu", "c", "y")]  # fmt: skip
    assert _cuts(model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})) == ["a", "c"]
