"""Estimates the multiply-accumulates of a node from the shapes around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from onnx import GraphProto, NodeProto

from slicer.model import Tensor

Shape = tuple[int, ...]


def macs(node: NodeProto, known: Mapping[str, Tensor], graph: GraphProto) -> int | None:
    """Multiply-accumulates of one run; 0 for operators that do none to speak of, None where a size is open."""
    count = _COUNTS.get(node.op_type)
    if count is None:
        return 0
    constants = {i.name: tuple(i.dims) for i in graph.initializer if i.name in node.input}
    weights = 3 if node.op_type.startswith("QLinear") else 1  # scale and zero point stand between
    if len(node.input) <= weights:
        return 0
    shapes = [_shape(name, known, constants) for name in (node.input[0], node.input[weights], node.output[0])]
    left, right, out = shapes
    return None if left is None or right is None or out is None else count(node, left, right, out)


def _shape(name: str, known: Mapping[str, Tensor], constants: Mapping[str, Shape]) -> Shape | None:
    if name in constants:
        return constants[name]
    about = known.get(name)
    if about is None or about.elements is None or about.shape is None:
        return None
    return tuple(size for size in about.shape if isinstance(size, int))


def _conv(_node: NodeProto, _data: Shape, weights: Shape, out: Shape) -> int:
    return prod(out) * prod(weights[1:])  # weights are (out, in / groups, kernel...)


def _conv_transpose(_node: NodeProto, data: Shape, weights: Shape, _out: Shape) -> int:
    return prod(data) * prod(weights[1:])  # weights are (in, out / groups, kernel...)


def _matmul(_node: NodeProto, left: Shape, _right: Shape, out: Shape) -> int:
    return prod(out) * (left[-1] if left else 1)


def _gemm(node: NodeProto, left: Shape, _right: Shape, out: Shape) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    return prod(out) * left[0 if transposed else 1]


def _recurrent(node: NodeProto, data: Shape, weights: Shape, _out: Shape) -> int:
    """Weights are (directions, gates · hidden, input); those of the state are (directions, gates · hidden, hidden)."""
    hidden = weights[1] // _GATES[node.op_type]
    return data[0] * data[1] * (prod(weights) + weights[0] * weights[1] * hidden)


_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_COUNTS: dict[str, Callable[[NodeProto, Shape, Shape, Shape], int]] = {
    "Conv": _conv,
    "ConvInteger": _conv,
    "QLinearConv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    **dict.fromkeys(_GATES, _recurrent),
}
