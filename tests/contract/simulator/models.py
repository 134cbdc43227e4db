"""Small ONNX models with their Triton configurations, laid out as a model repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

FEATURES = 16
CLASSES = 5
ROWS = 10
FLOAT, INT64, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def _model(graph: onnx.GraphProto) -> ModelProto:
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made


def dense(batch: str | int) -> ModelProto:
    """x (batch, 16) → relu(x W + b) (batch, 5), with seeded weights."""
    random = np.random.default_rng(3)
    weights = numpy_helper.from_array(random.normal(size=(FEATURES, CLASSES)).astype(np.float32), "w")
    bias = numpy_helper.from_array(random.normal(size=CLASSES).astype(np.float32), "b")
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Relu", ["z"], ["y"])]
    x = helper.make_tensor_value_info("x", FLOAT, [batch, FEATURES])
    y = helper.make_tensor_value_info("y", FLOAT, [batch, CLASSES])
    return _model(helper.make_graph(nodes, "dense", [x], [y], [weights, bias]))


def lookup() -> ModelProto:
    """i (N, 1) → row i of a table of ten; an index beyond it fails at run time."""
    table = numpy_helper.from_array(np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2), "table")
    node = helper.make_node("Gather", ["table", "i"], ["row"])
    i = helper.make_tensor_value_info("i", INT64, ["N", 1])
    row = helper.make_tensor_value_info("row", FLOAT, ["N", 1, 2])
    return _model(helper.make_graph([node], "lookup", [i], [row], [table]))


def echo() -> ModelProto:
    """text (N, 1) → the same text."""
    node = helper.make_node("Identity", ["text"], ["same"])
    text, same = (helper.make_tensor_value_info(name, TEXT, ["N", 1]) for name in ("text", "same"))
    return _model(helper.make_graph([node], "echo", [text], [same]))


def _config(name: str, batch: int, x: tuple[str, str, str], y: tuple[str, str, str]) -> str:
    tensors = "".join(
        f'{kind} [{{ name: "{n}" data_type: {t} dims: {dims} }}]\n'
        for kind, (n, t, dims) in (("input", x), ("output", y))
    )
    delay = "dynamic_batching { max_queue_delay_microseconds: 200000 }\n" if batch > 1 else ""
    return f'name: "{name}"\nbackend: "onnxruntime"\nmax_batch_size: {batch}\n{tensors}{delay}'


def _place(repository: Path, name: str, model: ModelProto, config: str) -> None:
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    (repository / name / "config.pbtxt").write_text(config)


def repository(folder: Path) -> Path:
    """Models `dense` (batches to 8), `alone` and `alone_batched` (static batch 1), `lookup`, `echo`."""
    x, y = ("x", "TYPE_FP32", f"[ {FEATURES} ]"), ("y", "TYPE_FP32", f"[ {CLASSES} ]")
    whole_x, whole_y = (("x", "TYPE_FP32", f"[ 1, {FEATURES} ]"), ("y", "TYPE_FP32", f"[ 1, {CLASSES} ]"))
    _place(folder, "dense", dense("N"), _config("dense", 8, x, y))
    _place(folder, "alone", dense(1), _config("alone", 0, whole_x, whole_y))
    _place(folder, "alone_batched", dense(1), _config("alone_batched", 4, x, y))
    row = ("row", "TYPE_FP32", "[ 1, 2 ]")
    _place(folder, "lookup", lookup(), _config("lookup", 8, ("i", "TYPE_INT64", "[ 1 ]"), row))
    text, same = ("text", "TYPE_STRING", "[ 1 ]"), ("same", "TYPE_STRING", "[ 1 ]")
    _place(folder, "echo", echo(), _config("echo", 4, text, same))
    return folder
