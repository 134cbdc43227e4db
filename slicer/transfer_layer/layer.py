"""What a Transfer Layer is: two short chains of ONNX nodes, and the size of what travels between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

from slicer.model import Dim, SlicerError, Tensor

Floats = npt.NDArray[np.float32]
Samples = Callable[[], Sequence[Floats]]
"""Samples of the tensor cut at, made when they are asked for: that runs the head."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node: an operator, its weights in the order it takes them after the tensor, its attributes."""

    operator: str
    weights: tuple[Floats, ...] = ()
    attributes: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """`encoder` goes to the head, `decoder` to the tail; `channels` travel (None: as many as the cut has).

    A layer halves height and width `halvings` times, rounded up; its decoder gives back the exact size, or, where it
    was trained to replace what lies between two cuts, the tensor of the later one. `even`: all channels are coded in
    steps of one size, with 0 among the values; else each has its own range. `reach`: the largest magnitude that is
    coded, where training has fixed it.
    """

    family: str
    encoder: tuple[Step, ...]
    decoder: tuple[Step, ...]
    channels: int | None = None
    halvings: int = 1
    even: bool = False
    reach: float | None = None


def sent_shape(layer: Layer, cut: Tensor) -> tuple[Dim, ...]:
    """The shape of the tensor that travels where `cut` is the tensor cut at."""
    count, channels, height, width = sizes(cut)
    windows = 2**layer.halvings
    return count, layer.channels or channels, -(-height // windows), -(-width // windows)


def sizes(cut: Tensor) -> tuple[Dim, int, int, int]:
    """N, C, H, W of a cut that can have a layer. Raises SlicerError, which says why another cannot."""
    shape = cut.shape or ()
    if len(shape) != 4 or shape[2:] == (1, 1):
        raise SlicerError(
            f'tensor "{cut.name}" is no feature map of N×C×H×W: a Transfer Layer needs one, cut elsewhere'
        )
    fixed = _fixed(cut)
    if fixed is None:
        raise SlicerError(
            f'tensor "{cut.name}" has open sizes, a Transfer Layer needs channels, height and width to be known: '
            "give a model whose input has fixed sizes"
        )
    return shape[0], *fixed


def shrunk(cut: Tensor, later: Tensor) -> int | None:
    """How often height and width of `cut` must be halved, rounded up, to be those of `later`; None: they never are.

    None, too, where one of the two is no N×C×H×W of known sizes, or has another N.
    """
    before, after = _fixed(cut), _fixed(later)
    counts = {size for about in (cut, later) for size in (about.shape or ())[:1] if isinstance(size, int)}
    if before is None or after is None or len(counts) > 1:
        return None
    enough = max(before).bit_length() + 1
    return next((m for m in range(enough) if (-(-before[1] // 2**m), -(-before[2] // 2**m)) == after[1:]), None)


def _fixed(about: Tensor) -> tuple[int, int, int] | None:
    """C, H, W of a tensor of four axes, None where one of them is open."""
    fixed = [size for size in (about.shape or ())[1:] if isinstance(size, int)]
    return (fixed[0], fixed[1], fixed[2]) if len(about.shape or ()) == 4 and len(fixed) == 3 else None


def chain(steps: Sequence[Step], given: str, made: str) -> tuple[list[NodeProto], list[TensorProto]]:
    """Nodes that lead from the tensor `given` to the tensor `made`, and their weights."""
    nodes: list[NodeProto] = []
    weights: list[TensorProto] = []
    for index, step in enumerate(steps):
        output = made if index == len(steps) - 1 else f"{made}_step{index}"
        names = [f"{made}_step{index}_weight{i}" for i in range(len(step.weights))]
        weights += [numpy_helper.from_array(w, name) for w, name in zip(step.weights, names, strict=True)]
        attributes = dict(step.attributes)
        nodes.append(helper.make_node(step.operator, [given, *names], [output], **attributes))
        given = output
    return nodes, weights
