"""Folds the way from pixels to a model's input into the model: it then takes the bytes of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from slicer import load
from slicer.model import SlicerError, Tensor


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a model's input was made of pixels: (x · scale - mean) / std; mean and std hold one value, or one a channel.

    `guessed`: nobody said so, each input's own range was spread over 0 to 255. Sizes are then about right, and answers
    cannot be compared.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    guessed: bool = False


GUESSED = Scaling(guessed=True)


def from_pixels(model: ModelProto, scaling: Scaling) -> ModelProto:
    """The model with a uint8 input of the same name, sizes and layout instead, scaled by nodes of its own.

    Raises SlicerError for a model whose input is no float image, N×C×H×W or N×H×W×C.
    """
    made = ModelProto()
    made.CopyFrom(model)
    values = load.inputs(made)
    if len(values) != 1:
        raise SlicerError(
            f"pixels go into one input, the model has {len(values)}: leave --input-scale and the like out"
        )
    about = load.tensor(values[0])
    axis = channel_axis(about, max(len(scaling.mean), len(scaling.std)))
    inner = f"{about.name}_scaled"
    for node in made.graph.node:
        for index, name in enumerate(node.input):
            if name == about.name:
                node.input[index] = inner
    first = _nodes(about, inner, _constants(made, about, axis, scaling))
    rest = list(made.graph.node)
    del made.graph.node[:]
    made.graph.node.extend((*first, *rest))
    values[0].type.tensor_type.elem_type = TensorProto.UINT8
    return made


def channel_axis(about: Tensor, channels: int) -> int:
    """The axis of an image's channels, 1 or 3; `channels`: how many there are, 1: unknown. Raises SlicerError."""
    shape = about.shape or ()
    if len(shape) != 4 or about.dtype not in ("float32", "float16"):
        raise SlicerError(
            f'input "{about.name}" is {about.dtype} {load.show(about.shape)}, no image of floats with four axes: '
            "leave --input-scale, -mean, -std out"
        )
    for axis in (1, 3):
        if shape[axis] in ((1, 3) if channels == 1 else (channels,)):
            return axis
    raise SlicerError(f'input "{about.name}" is {load.show(shape)}: no axis has {channels} channels')


def _constants(model: ModelProto, about: Tensor, axis: int, scaling: Scaling) -> list[str]:
    """Adds scale, mean and std to the model; their names."""
    names = []
    for word, values in (("scale", (scaling.scale,)), ("mean", scaling.mean), ("std", scaling.std)):
        names.append(f"{about.name}_{word}")
        shaped = along(values, axis).astype(about.dtype)
        model.graph.initializer.append(numpy_helper.from_array(shaped, names[-1]))
    return names


def along(values: Sequence[float], axis: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One value a channel, to be applied to a batch of images."""
    shape = [1, 1, 1, 1]
    shape[axis] = len(values)
    return np.asarray(values, np.float32).reshape(shape)


def _nodes(about: Tensor, inner: str, constants: Sequence[str]) -> list[NodeProto]:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(about.dtype))
    steps = [f"{inner}_{number}" for number in range(3)]
    nodes = [helper.make_node("Cast", [about.name], [steps[0]], to=kind)]
    for operator, constant, source, target in zip(
        ("Mul", "Sub", "Div"), constants, steps, (*steps[1:], inner), strict=True
    ):
        nodes.append(helper.make_node(operator, [source, constant], [target]))
    return nodes
