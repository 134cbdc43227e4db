"""Puts a Transfer Layer between the halves of a model: its encoder ends the head, its decoder starts the tail."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, helper

from slicer.cut import Halves
from slicer.load import inputs
from slicer.model import Tensor
from slicer.transfer_layer.layer import Layer, chain, sent_shape


def insert(halves: Halves, layer: Layer, cut: Tensor) -> Halves:
    """Halves between which the smaller tensor travels, as float32. `cut`: the tensor cut at, its sizes known."""
    head, tail = ModelProto(), ModelProto()
    head.CopyFrom(halves.head)
    tail.CopyFrom(halves.tail)
    given = inputs(tail)[0]
    name = _fresh(halves, f"{cut.name}_{layer.family}")
    sent = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(sent_shape(layer, cut)))
    nodes, weights = chain(layer.encoder, head.graph.output[0].name, name)
    head.graph.node.extend(nodes)
    head.graph.initializer.extend(weights)
    del head.graph.output[:]
    head.graph.output.append(sent)
    nodes, weights = chain(layer.decoder, name, given.name)
    later = list(tail.graph.node)
    del tail.graph.node[:]
    tail.graph.node.extend([*nodes, *later])
    tail.graph.initializer.extend(weights)
    kept = [value for value in tail.graph.input if value.name != given.name]
    del tail.graph.input[:]
    tail.graph.input.extend([sent, *kept])
    return Halves(head, tail)


def _fresh(halves: Halves, wish: str) -> str:
    taken = {
        name for half in (halves.head, halves.tail) for node in half.graph.node for name in (*node.input, *node.output)
    }
    while wish in taken:
        wish += "_"
    return wish
