"""Cuts a model at a tensor: the nodes before it become the head, the nodes after it the tail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from slicer import graph, load
from slicer.model import INPUT, CutPoint, SlicerError

CARRIED = "float32"
EXACT = frozenset({CARRIED, "float16", "int8", "uint8", "int16", "uint16"})
"""Types whose every value float32 holds: tensors of these can be cut at, whatever lies between."""


@dataclass(frozen=True, slots=True)
class Halves:
    """A model in two: `head` ends in the cut tensor as float32, `tail` starts from it and has the model's outputs.

    Where layers between two cuts are left out, the tail starts from another tensor than the head ends in.
    """

    head: ModelProto
    tail: ModelProto


def split(model: ModelProto, cut: CutPoint, later: CutPoint | None = None) -> Halves:
    """The halves of `model` at one of its valid cuts; operator sets, metadata and IR version stay as they are.

    The head takes all of the model's inputs, whether it needs them or not, so that a device feeds both alike.
    Constants, and nodes that compute from nothing else, go to the half that needs them, or to both. float32 is all
    that the codec carries: a tensor of a type that fits into it is cast by the head, and back by the tail. With
    `later` the tail starts from that cut, and what lies between is in neither half. Raises SlicerError for other types.
    """
    return Halves(_head(model, cut), _tail(model, later or cut))


def _head(model: ModelProto, cut: CutPoint) -> ModelProto:
    name, value = cut.tensor.name, _sent(model, cut)
    nodes = _ancestors(model, {name}, stop="")
    if cut.tensor.dtype != CARRIED:
        nodes.append(helper.make_node("Cast", [name], [value.name], to=TensorProto.FLOAT))
    elif cut.id == INPUT:
        nodes.append(helper.make_node("Identity", [name], [value.name]))
    return _part(model, nodes, load.inputs(model), [value])


def _sent(model: ModelProto, cut: CutPoint) -> ValueInfoProto:
    """The cut tensor as it leaves the head, under a name of its own where it is not the model's own tensor."""
    if cut.tensor.dtype not in EXACT:
        raise SlicerError(
            f'tensor "{cut.tensor.name}" is {cut.tensor.dtype or "of an unknown type"}; '
            f"what can be carried is {', '.join(sorted(EXACT))}: cut elsewhere"
        )
    value = _between(cut.tensor.name, cut)
    if cut.tensor.dtype != CARRIED:
        value.name = _fresh(model, f"{cut.tensor.name}_{CARRIED}")
    elif cut.id == INPUT:
        value.name = _fresh(model, f"{cut.tensor.name}_sent")  # an output may not be an input
    return value


def _between(name: str, cut: CutPoint) -> ValueInfoProto:
    """The tensor that goes from half to half."""
    value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    _set_shape(value, cut)
    return value


def _tail(model: ModelProto, cut: CutPoint) -> ModelProto:
    outputs = list(model.graph.output)
    name = cut.tensor.name
    nodes = _ancestors(model, {output.name for output in outputs}, stop=name)
    if cut.tensor.dtype != CARRIED:
        given = _sent(model, cut)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(cut.tensor.dtype))
        return _part(model, [helper.make_node("Cast", [given.name], [name], to=kind), *nodes], [given], outputs)
    if name not in {output.name for output in outputs}:
        return _part(model, nodes, [_between(name, cut)], outputs)
    # The tensor is also a result: an input may not be an output, so it comes in under another name.
    inner = _between(_fresh(model, f"{name}_in"), cut)
    passed = helper.make_node("Identity", [inner.name], [name])
    return _part(model, [passed, *nodes], [inner], outputs)


def _fresh(model: ModelProto, wish: str) -> str:
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    while wish in taken:
        wish += "_"
    return wish


def _set_shape(value: ValueInfoProto, cut: CutPoint) -> None:
    shape = value.type.tensor_type.shape
    for size in cut.tensor.shape or ():
        if isinstance(size, int):
            shape.dim.add(dim_value=size)
        else:
            shape.dim.add(dim_param=size)
    if cut.tensor.shape is None:
        value.type.tensor_type.ClearField("shape")


def _ancestors(model: ModelProto, wanted: set[str], stop: str) -> list[NodeProto]:
    """The nodes, in order, that `wanted` depends on, without those behind the tensor `stop`."""
    needed = wanted - {stop}
    kept: list[NodeProto] = []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= graph.reads(node) - {stop}
    return kept[::-1]


def _part(
    model: ModelProto, nodes: list[NodeProto], inputs: Iterable[ValueInfoProto], outputs: Iterable[ValueInfoProto]
) -> ModelProto:
    """A model of these nodes with all that `model` says about them."""
    part = ModelProto()
    part.CopyFrom(model)
    used = {name for node in nodes for name in (*graph.reads(node), *node.output)}
    _fill(part.graph, model.graph, nodes, used)
    _replace_ends(part, model, list(inputs), list(outputs))
    return part


def _fill(part: GraphProto, whole: GraphProto, nodes: list[NodeProto], used: set[str]) -> None:
    for field in ("node", "initializer", "sparse_initializer", "value_info", "quantization_annotation"):
        part.ClearField(field)
    part.node.extend(nodes)
    part.initializer.extend(i for i in whole.initializer if i.name in used)
    part.sparse_initializer.extend(i for i in whole.sparse_initializer if i.values.name in used)
    part.value_info.extend(v for v in whole.value_info if v.name in used)
    part.quantization_annotation.extend(a for a in whole.quantization_annotation if a.tensor_name in used)


def _replace_ends(
    part: ModelProto, whole: ModelProto, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]
) -> None:
    constants = {i.name for i in part.graph.initializer}
    declared = [v for v in whole.graph.input if v.name in constants]  # before IR 4 constants must be inputs, too
    ends = {value.name for value in (*inputs, *outputs)}
    inner = [v for v in part.graph.value_info if v.name not in ends]
    for field, values in (("input", [*inputs, *declared]), ("output", outputs), ("value_info", inner)):
        part.graph.ClearField(field)
        getattr(part.graph, field).extend(values)
