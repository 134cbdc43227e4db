"""Small ONNX files, made here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from onnx import TensorProto, helper


def identity(shape: Sequence[int | str | None] = ("n", 3), *, name: str = "x", kind: int = TensorProto.FLOAT) -> bytes:
    """A model that returns its one input; names and None in `shape` vary."""
    inputs = [helper.make_tensor_value_info(name, kind, list(shape))]
    outputs = [helper.make_tensor_value_info("y", kind, list(shape))]
    graph = helper.make_graph([helper.make_node("Identity", [name], ["y"])], "identity", inputs, outputs)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def sha256(content: bytes) -> str:
    """Its digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
