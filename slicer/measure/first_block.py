"""Finds where a model's first convolution block ends: what the private rule keeps on the device."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import NodeProto

from slicer.cost import Layer

_HEAVY = frozenset({"Conv", "ConvInteger", "QLinearConv", "MatMul", "Gemm"})
_FOLLOWS = frozenset(
    {
        "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "Relu", "LeakyRelu",
        "PRelu", "Clip", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh",
        "Softplus", "ThresholdedRelu", "Add", "Mul", "Sub", "Div", "Erf", "QuantizeLinear", "DequantizeLinear", "Cast",
    }
)  # fmt: skip
"""Normalisation, activation, and what exporters write either of them with."""


def first_block(nodes: Sequence[NodeProto]) -> Layer | None:
    """The last node of the first convolution with its normalisation and activation; None where nothing convolves.

    A model without convolution has its first matrix product instead. `nodes` in the order that cuts count them.
    """
    start = next((i for i, node in enumerate(nodes) if "Conv" in node.op_type), None)
    if start is None:
        start = next((i for i, node in enumerate(nodes) if node.op_type in _HEAVY), None)
    if start is None:
        return None
    inside, end = set(nodes[start].output), start
    for index in range(start + 1, len(nodes)):
        node = nodes[index]
        if not inside & set(node.input):
            continue
        if node.op_type not in _FOLLOWS:
            break
        inside |= set(node.output)
        end = index
    return Layer(nodes[end].output[0], end + 1)
