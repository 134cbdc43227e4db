"""Models that nobody here prepared: other exporters' habits, awkward types, shapes that only a run tells."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64
Ends = list[tuple[str, int, list[Any]]]


def build(nodes: list[NodeProto], inputs: Ends, outputs: Ends, opset: int = 13, **constants: Any) -> ModelProto:
    """A checked model; constants by name."""
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ins, outs = ([helper.make_tensor_value_info(*one) for one in ends] for ends in (inputs, outputs))
    graph = helper.make_graph(nodes, "foreign", ins, outs, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Names separated by blanks."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def several_ends() -> ModelProto:
    """Two inputs, three outputs of two types, open batch."""
    nodes = [node("Add", "x z", "a"), node("Relu", "a", "b"), node("Sigmoid", "b", "y"),
             node("TopK", "b k", "top at", axis=1)]  # fmt: skip
    ends: Ends = [("y", FLOAT, ["N", 4]), ("top", FLOAT, ["N", 2]), ("at", INT64, ["N", 2])]
    return build(nodes, [("x", FLOAT, ["N", 4]), ("z", FLOAT, ["N", 4])], ends, k=np.array([2], np.int64))


def half_precision() -> ModelProto:
    """float16 all through."""
    rng = np.random.default_rng(0)
    nodes = [node("Conv", "x w", "a"), node("Relu", "a", "b"), node("GlobalAveragePool", "b", "y")]
    w = rng.normal(size=(4, 3, 3, 3)).astype(np.float16)
    return build(nodes, [("x", HALF, [1, 3, 8, 8])], [("y", HALF, [1, 4, 1, 1])], w=w)


def bytes_last() -> ModelProto:
    """A uint8 image, channels last, as cameras give it."""
    nodes = [node("Cast", "x", "f", to=FLOAT), node("Transpose", "f", "t", perm=[0, 3, 1, 2]), node("Relu", "t", "r"),
             node("GlobalAveragePool", "r", "y")]  # fmt: skip
    return build(nodes, [("x", TensorProto.UINT8, [1, 16, 16, 3])], [("y", FLOAT, [1, 3, 1, 1])])


def values_decide_sizes() -> ModelProto:
    """How many elements lie between depends on the values of the input."""
    nodes = [node("Relu", "x", "a"), node("NonZero", "a", "i"), node("Transpose", "i", "it"),
             node("GatherND", "a it", "g"), node("Tanh", "g", "y")]  # fmt: skip
    return build(nodes, [("x", FLOAT, [1, 40])], [("y", FLOAT, ["M"])])


def sequences() -> ModelProto:
    """A sequence of tensors is no tensor."""
    nodes = [node("Relu", "x", "a"), node("SplitToSequence", "a", "s", axis=1),
             node("ConcatFromSequence", "s", "c", axis=1), node("Tanh", "c", "y")]  # fmt: skip
    return build(nodes, [("x", FLOAT, [1, 4])], [("y", FLOAT, ["A", "B"])])


def looping() -> ModelProto:
    """A loop whose body reads a tensor from outside."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Add", "v a", "vo"), node("Identity", "c", "co")], "body",
        [value("i", INT64, []), value("c", TensorProto.BOOL, []), value("v", FLOAT, [1, 4])],
        [value("co", TensorProto.BOOL, []), value("vo", FLOAT, [1, 4])],
    )  # fmt: skip
    nodes = [node("Relu", "x", "a"), node("Loop", "n t a", "l", body=body), node("Tanh", "l", "y")]
    return build(nodes, [("x", FLOAT, [1, 4])], [("y", FLOAT, [1, 4])], n=np.array(3), t=np.array(True))


def attention() -> ModelProto:
    """A transformer's block over embedded indices: only between its parts is one tensor alone."""
    rng = np.random.default_rng(0)
    nodes = [
        node("Gather", "table ids", "e"), node("MatMul", "e wq", "q"), node("MatMul", "e wk", "k"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]), node("MatMul", "q kt", "s"), node("Softmax", "s", "p", axis=-1),
        node("MatMul", "p e", "m"), node("Add", "m e", "h"), node("LayerNormalization", "h g b", "n"),
        node("ReduceMean", "n", "y", axes=[1]),
    ]  # fmt: skip
    weights = {name: rng.normal(size=(8, 8)).astype(np.float32) for name in ("wq", "wk")}
    table, g, b = rng.normal(size=(20, 8)).astype(np.float32), np.ones(8, np.float32), np.zeros(8, np.float32)
    return build(nodes, [("ids", INT64, [1, 5])], [("y", FLOAT, [1, 1, 8])], 17, table=table, g=g, b=b, **weights)


def odd_names() -> ModelProto:
    """Names with brackets, blanks, quotes and letters beyond ASCII."""
    names = ["x y", "[bold]a/é", '"b":0', "y=1"]
    pairs = pairwise(names)
    nodes = [helper.make_node(kind, [i], [o]) for kind, (i, o) in zip(("Relu", "Tanh", "Sigmoid"), pairs, strict=True)]
    return build(nodes, [("x y", FLOAT, [1, 4])], [("y=1", FLOAT, [1, 4])])


def old_opset() -> ModelProto:
    """Operator set 9."""
    nodes = [
        node("Relu", "x", "a"),
        node("Dropout", "a", "b mask"),
        node("Upsample", "b s", "c"),
        node("Tanh", "c", "y"),
    ]
    return build(nodes, [("x", FLOAT, [1, 2, 3, 3])], [("y", FLOAT, [1, 2, 6, 6])], 9, s=np.array([1, 1, 2, 2], "f4"))


def scalars() -> ModelProto:
    """A tensor without axes."""
    nodes = [node("Relu", "x", "a"), node("ReduceSum", "a", "s", keepdims=0), node("Tanh", "s", "y")]
    return build(nodes, [("x", FLOAT, [1, 4])], [("y", FLOAT, [])])


def exported(folder: Path, dynamic: bool) -> ModelProto:
    """What torch writes of a small residual network, batch and sizes open or not."""
    import warnings

    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
            self.second, self.last = nn.Conv2d(8, 8, 3, 1, 1), nn.Linear(16, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = nn.functional.silu(self.norm(self.first(x)))
            x = torch.cat([nn.functional.relu(self.second(x)) + x, nn.functional.max_pool2d(x, 3, 1, 1)], 1)
            scores: torch.Tensor = self.last(x.mean((2, 3))).softmax(1)
            return scores

    torch.manual_seed(0)
    axes = {"x": {0: "N", 2: "H", 3: "W"}} if dynamic else None
    path = folder / "exported.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is called old
        torch.onnx.export(
            Network().eval(), (torch.zeros(1, 3, 33, 31),), str(path), dynamo=False,
            input_names=["x"], output_names=["y"], dynamic_axes=axes,
        )  # fmt: skip
    return onnx.load(path)


MODELS: dict[str, tuple[Callable[[], ModelProto], int]] = {
    "several inputs and outputs": (several_ends, 2),
    "half precision": (half_precision, 2),
    "bytes, channels last": (bytes_last, 3),
    "values decide sizes": (values_decide_sizes, 2),
    "sequences": (sequences, 2),
    "looping": (looping, 2),
    "attention": (attention, 3),
    "odd names": (odd_names, 2),
    "old operator set": (old_opset, 3),
    "scalars": (scalars, 2),
}
"""Model and how many cuts it has."""
