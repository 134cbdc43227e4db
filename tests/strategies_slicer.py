"""Random small networks: convolutions, activations, sums, concatenations, pooling, several inputs and outputs."""

import numpy as np
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

SIDE = 6
KINDS = ("Conv", "Relu", "Add", "Concat", "MaxPool", "AveragePool", "Sigmoid", "Identity", "MulConstant")


@st.composite
def networks(draw: st.DrawFn) -> ModelProto:
    """A checked model; every tensor is 1×C×6×6, C up to 12, and recent tensors are read more often than old ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    channels = {f"x{i}": draw(st.integers(1, 3)) for i in range(draw(st.integers(1, 2)))}
    inputs = [_value(name, count) for name, count in channels.items()]
    nodes: list[NodeProto] = []
    weights: dict[str, np.ndarray] = {}
    for index in range(draw(st.integers(1, 9))):
        recent = list(channels)[-draw(st.integers(1, 4)) :]
        first, second = draw(st.sampled_from(recent)), draw(st.sampled_from(recent))
        name = f"t{index}"
        made = _node(draw(st.sampled_from(KINDS)), first, second, name, channels, weights, rng)
        nodes.append(made)
    ends = {nodes[-1].output[0], *draw(st.lists(st.sampled_from([n.output[0] for n in nodes]), max_size=2))}
    outputs = [_value(name, channels[name]) for name in sorted(ends)]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "drawn", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return model


def _value(name: str, channels: int) -> object:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, SIDE, SIDE])


def _node(
    kind: str, first: str, second: str, name: str, channels: dict[str, int], weights: dict[str, np.ndarray],
    rng: np.random.Generator,
) -> NodeProto:  # fmt: skip
    """A node that makes the tensor `name`; notes its channels and weights."""
    count = channels[first]
    channels[name] = count
    if kind == "Conv":
        channels[name] = int(rng.integers(1, 4))
        weights[f"{name}_w"] = rng.normal(size=(channels[name], count, 3, 3)).astype(np.float32) / 3
        return helper.make_node("Conv", [first, f"{name}_w"], [name], pads=[1, 1, 1, 1])
    if kind == "Concat" and count + channels[second] <= 12:
        channels[name] = count + channels[second]
        return helper.make_node("Concat", [first, second], [name], axis=1)
    if kind == "Add" and count == channels[second]:
        return helper.make_node("Add", [first, second], [name])
    if kind in ("MaxPool", "AveragePool"):
        return helper.make_node(kind, [first], [name], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    if kind == "MulConstant":
        weights.setdefault("shared", np.array([0.5], np.float32))  # one constant for both halves
        return helper.make_node("Mul", [first, "shared"], [name])
    return helper.make_node(kind if kind in ("Relu", "Sigmoid", "Identity") else "Relu", [first], [name])
