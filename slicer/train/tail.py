"""A tail as a torch module whose weights can be trained and written back into the ONNX file."""

from __future__ import annotations

import numpy as np
import torch
from onnx import ModelProto, helper, numpy_helper
from torch import Tensor, nn

from slicer import load
from slicer.model import SlicerError
from slicer.train.operators import OPERATORS


class TorchTail(nn.Module):
    """Runs the nodes of a tail with one input, in order. Raises SlicerError where an operator is not in the table."""

    def __init__(self, tail: ModelProto) -> None:
        super().__init__()
        unknown = sorted({node.op_type for node in tail.graph.node} - {*OPERATORS, "Constant"})
        if unknown:
            raise SlicerError(f"the tail has {', '.join(unknown)}, which cannot be trained through")
        self._nodes = [node for node in tail.graph.node if node.op_type != "Constant"]
        self._attributes = [{a.name: helper.get_attribute_value(a) for a in node.attribute} for node in self._nodes]
        self._input = load.inputs(tail)[0].name
        self._outputs = [value.name for value in tail.graph.output]
        self._trained, self._fixed = _weights(tail)
        self.weights = nn.ParameterList(self._trained.values())

    def forward(self, x: Tensor) -> list[Tensor]:
        """The outputs for a batch of decoded cut tensors."""
        x = x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x  # twice as fast on CPUs
        values: dict[str, Tensor | None] = {"": None, **self._fixed, self._input: x}
        values |= dict(zip(self._trained, self.weights, strict=True))
        for node, attributes in zip(self._nodes, self._attributes, strict=True):
            given = [values[name] for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](attributes, given)
        return [found for name in self._outputs if (found := values[name]) is not None]

    def written_into(self, tail: ModelProto) -> ModelProto:
        """A copy of the tail that has the weights as they are now."""
        made = ModelProto()
        made.CopyFrom(tail)
        now = dict(zip(self._trained, self.weights, strict=True))
        for initializer in made.graph.initializer:
            if initializer.name in now:
                value = now[initializer.name].detach().numpy()
                initializer.CopyFrom(numpy_helper.from_array(value, initializer.name))
        return made


def _weights(tail: ModelProto) -> tuple[dict[str, nn.Parameter], dict[str, Tensor]]:
    """Floating initializers with an axis are trained; running statistics, scalars and integers stay."""
    kept = {name for node in tail.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]}
    trained, fixed = {}, {}
    for initializer in tail.graph.initializer:
        value = torch.from_numpy(np.array(numpy_helper.to_array(initializer)))
        if value.is_floating_point() and value.dim() and initializer.name not in kept:
            trained[initializer.name] = nn.Parameter(value)
        else:
            fixed[initializer.name] = value
    for node in tail.graph.node:
        if node.op_type == "Constant":
            constant = helper.get_attribute_value(node.attribute[0])
            array = numpy_helper.to_array(constant) if node.attribute[0].name == "value" else np.asarray(constant)
            fixed[node.output[0]] = torch.from_numpy(np.array(array))
    return trained, fixed
