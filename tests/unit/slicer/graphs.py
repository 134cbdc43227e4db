"""Small models to cut: a chain, a residual block, branches, and what makes cutting hard."""

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

Shape = Sequence[int | str]


def model(
    nodes: Sequence[NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, Shape | None],
    constants: dict[str, np.ndarray] | None = None,
    ir: int = 8,
) -> ModelProto:
    """A checked float model; constants are initializers, inputs too where the IR version wants them so."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    held = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    if ir < 4:
        values += [helper.make_tensor_value_info(h.name, h.data_type, list(h.dims)) for h in held]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    graph = helper.make_graph(list(nodes), "test", values, ends, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=ir)
    helper.set_model_props(made, {"character": "abc"})
    checker.check_model(made)
    return made


def node(operator: str, inputs: str, outputs: str, **attributes: object) -> NodeProto:
    """A node; names separated by blanks."""
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def chain(ir: int = 8) -> ModelProto:
    """x -> conv -> relu -> conv -> flat -> linear."""
    rng = np.random.default_rng(0)
    constants = {
        "w1": rng.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(size=(8, 4, 1, 1)).astype(np.float32),
        "w3": rng.normal(size=(8 * 36, 5)).astype(np.float32),
    }
    nodes = [
        node("Conv", "x w1", "conv1"), node("Relu", "conv1", "relu1"), node("Conv", "relu1 w2", "conv2"),
        node("Flatten", "conv2", "flat"), node("MatMul", "flat w3", "y"),
    ]  # fmt: skip
    return model(nodes, {"x": ["N", 3, 8, 8]}, {"y": ["N", 5]}, constants, ir)


def halving(pad: int = 1) -> ModelProto:
    """x (13×10) -> conv1 -> relu1 -> same -> conv2 (7×5) -> relu2 -> conv3 (4×3) -> relu3 -> mean (1×1) -> flat -> y.

    Without padding sides are not halved but shrink: 11×8, 5×3, 2×1.
    """
    rng = np.random.default_rng(1)
    sizes = {"w1": (4, 3, 3, 3), "w2": (6, 4, 3, 3), "w3": (8, 6, 3 if pad else 2, 3 if pad else 2), "w4": (8, 5)}
    drawn = {name: rng.normal(size=size) for name, size in sizes.items()}
    centred = {name: w - w.mean(axis=(1, 2, 3) if w.ndim == 4 else 0, keepdims=True) for name, w in drawn.items()}
    constants = {name: w.astype(np.float32) for name, w in centred.items()}  # so that noise is of several classes
    pads, twice = [pad] * 4, {"pads": [pad] * 4, "strides": [2, 2]}
    nodes = [
        node("Conv", "x w1", "conv1", pads=pads), node("Relu", "conv1", "relu1"), node("Tanh", "relu1", "same"),
        node("Conv", "same w2", "conv2", **twice), node("Relu", "conv2", "relu2"),
        node("Conv", "relu2 w3", "conv3", **twice), node("Relu", "conv3", "relu3"),
        node("GlobalAveragePool", "relu3", "mean"), node("Flatten", "mean", "flat"), node("MatMul", "flat w4", "y"),
    ]  # fmt: skip
    return model(nodes, {"x": ["N", 3, 13, 10]}, {"y": ["N", 5]}, constants)


def residual() -> ModelProto:
    """x -> a -> (b -> c, a) -> sum -> y: no cut within the block."""
    nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Sigmoid", "b", "c"), node("Add", "a c", "sum"),
             node("Relu", "sum", "y")]  # fmt: skip
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def branches() -> ModelProto:
    """x -> a -> Split -> two branches -> Concat -> y."""
    constants = {"halves": np.array([2, 2], np.int64)}
    nodes = [
        node("Relu", "x", "a"), node("Split", "a halves", "left right", axis=1), node("Tanh", "left", "l"),
        node("Sigmoid", "right", "r"), node("Concat", "l r", "joined", axis=1), node("Relu", "joined", "y"),
    ]  # fmt: skip
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, constants)


def constant_chain() -> ModelProto:
    """Constants computed by nodes from constants, used on both sides of the cuts."""
    scale = node("Constant", "", "scale", value=numpy_helper.from_array(np.array([2.0], np.float32)))
    nodes = [scale, node("Add", "scale scale", "four"), node("Mul", "x four", "a"), node("Relu", "a", "b"),
             node("Mul", "b four", "y")]  # fmt: skip
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def shape_stays_live() -> ModelProto:
    """Shape(x) is needed at the end: after it nothing is alone until it is used."""
    nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Shape", "x", "size"),
             node("Reshape", "b size", "c"), node("Relu", "c", "y")]  # fmt: skip
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def two_inputs(late: bool) -> ModelProto:
    """Two inputs that meet first, or late: then nothing is alone before they do."""
    if late:
        nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Add", "b z", "c"), node("Relu", "c", "y")]
    else:
        nodes = [node("Add", "x z", "a"), node("Tanh", "a", "b"), node("Relu", "b", "y")]
    return model(nodes, {"x": ["N", 4], "z": ["N", 4]}, {"y": ["N", 4]})


def two_outputs() -> ModelProto:
    """A trunk a -> b, then two outputs; b is one of them, and feeds the other."""
    nodes = [node("Relu", "x", "a"), node("Tanh", "a", "b"), node("Sigmoid", "b", "y")]
    return model(nodes, {"x": ["N", 4]}, {"b": ["N", 4], "y": ["N", 4]})


def subgraph() -> ModelProto:
    """An If whose branches read a tensor from outside: it stays live up to there."""

    def branch(name: str, operator: str) -> GraphProto:
        end = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, ["N", 4])
        return helper.make_graph([node(operator, "a b", f"{name}_out")], name, [], [end])

    flag = node("Constant", "", "flag", value=numpy_helper.from_array(np.array(True)))
    choose = node("If", "flag", "c", then_branch=branch("then", "Add"), else_branch=branch("else", "Sub"))
    nodes = [flag, node("Relu", "x", "a"), node("Tanh", "a", "b"), choose, node("Relu", "c", "y")]
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def transposed() -> ModelProto:
    """Within it axis 0 is time, not the batch, as recurrent layers have it."""
    nodes = [node("Transpose", "x", "t", perm=[1, 0, 2]), node("Relu", "t", "u"),
             node("Transpose", "u", "y", perm=[1, 0, 2])]  # fmt: skip
    return model(nodes, {"x": ["N", "T", 4]}, {"y": ["N", "T", 4]})


def dead_code() -> ModelProto:
    """A node whose result nobody needs must not stand in the way of cuts."""
    nodes = [node("Relu", "x", "a"), node("Exp", "x", "unused"), node("Tanh", "a", "b"), node("Relu", "b", "y")]
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def integers() -> ModelProto:
    """The only tensor at one cut is an int64."""
    nodes = [node("Cast", "x", "i", to=TensorProto.INT64), node("Cast", "i", "f", to=TensorProto.FLOAT),
             node("Relu", "f", "y")]  # fmt: skip
    return model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]})


def one_node() -> ModelProto:
    """Too small to cut."""
    return model([node("Relu", "x", "y")], {"x": ["N", 4]}, {"y": ["N", 4]})


def unused_passthrough_input() -> ModelProto:
    """The second input is used by nobody."""
    nodes = [node("Relu", "x", "a"), node("Tanh", "a", "y")]
    return model(nodes, {"x": ["N", 4], "z": ["N", 4]}, {"y": ["N", 4]})
