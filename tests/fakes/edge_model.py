"""A small convolutional model and its bundle, for tests of the edge agent and the tail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

from common.bundle import Bundle, write
from slicer import bundle
from slicer.pixels import Scaling, from_pixels

Floats = npt.NDArray[np.float32]
SIDE = 16


def convolutional(batch: int | str = "n", *, seed: int = 0, side: int = SIDE) -> ModelProto:
    """x (batch, 3, side, side) -> conv -> relu -> conv -> relu -> mean -> scores (batch, 5), random weights."""
    random = np.random.default_rng(seed)
    weights = {
        "w1": random.normal(size=(8, 3, 3, 3)),
        "w2": random.normal(size=(4, 8, 3, 3)),
        "w3": random.normal(size=(4, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("ReduceMean", ["r2"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "w3"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "convolutional",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, side, side])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@dataclass(frozen=True, slots=True)
class Cut:
    """A bundle as bytes and opened, and its whole model."""

    content: bytes
    bundle: Bundle
    whole: ModelProto

    def expected(self, x: npt.NDArray[np.generic]) -> Floats:
        """What the whole model answers."""
        session = onnxruntime.InferenceSession(self.whole.SerializeToString(), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"x": x})[0], np.float32)


@cache
def cut(
    batch: int | str = "n",
    *,
    seed: int = 0,
    level: str = "raw",
    side: int = SIDE,
    at: str = "r1",
    layer: str = "none",
    canary: int = 1,
) -> Cut:
    """The model cut after its first ReLU, or at "r2" after its second."""
    whole = convolutional(batch, seed=seed, side=side)
    content = bundle.make(whole, at, name="convolutional", level=level, layer=layer, canary=canary)
    return Cut(content, Bundle.open(content), whole)


def mixed(of: Cut, other: Cut, *parts: str) -> Cut:
    """The bundle `of` with some parts, "tail" or "canary", of another one: each is whole, they do not go together."""
    contents = {name: of.bundle._part(name) for name in of.bundle.manifest.files}
    contents |= {name: other.bundle._part(name) for name in parts}
    there = other.bundle.manifest
    listed = {**of.bundle.manifest.parts, **{name: there.parts[name] for name in parts if name in there.parts}}
    canary = there.canary if "canary" in parts else of.bundle.manifest.canary
    content = write(replace(of.bundle.manifest, parts=listed, canary=canary), contents)
    return Cut(content, Bundle.open(content), of.whole)


@cache
def upload(*, level: str = "u8", side: int = SIDE) -> Cut:
    """The model with a uint8 image as its input, cut there: the device sends images."""
    whole = from_pixels(convolutional(side=side), Scaling(1 / 255))
    content = bundle.make(whole, "input", name="convolutional", level=level)
    return Cut(content, Bundle.open(content), whole)


def pictures(count: int, *, seed: int = 1, side: int = SIDE) -> list[npt.NDArray[np.uint8]]:
    """Inputs (1, 3, side, side): smooth images that differ."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    waves = [[np.sin(a * rows + b * columns) for a, b in random.uniform(0, 4, (3, 2))] for _ in range(count)]
    return [np.rint(127 + 120 * np.stack(one)[None]).astype(np.uint8) for one in waves]


def frames(count: int, *, seed: int = 1, side: int = SIDE) -> list[Floats]:
    """Inputs (1, 3, side, side)."""
    random = np.random.default_rng(seed)
    return [random.normal(size=(1, 3, side, side)).astype(np.float32) for _ in range(count)]
