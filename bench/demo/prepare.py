"""Makes the demo's models: PP-OCR's files, and its recogniser reading bytes and answering with the best classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bench.demo.ocr import FILES

WIDTH = 320


def _opset(model: ModelProto) -> int:
    return next(int(o.version) for o in model.opset_import if o.domain == "")


def read_bytes(model: ModelProto) -> None:
    """Puts the normalisation into the graph: the input becomes uint8 pixels `image` (N, 3, 48, 320), BGR.

    So a raw upload is a byte a value, as it would be in practice, not four.
    """
    old = model.graph.input[0]
    scale, one = np.float32(1 / 127.5), np.float32(1.0)
    model.graph.initializer.extend([numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(one, "one")])
    nodes = [
        helper.make_node("Cast", ["image"], ["image_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["image_float", "scale"], ["image_scaled"]),
        helper.make_node("Sub", ["image_scaled", "one"], [old.name]),
    ]
    _prepend(model, nodes)
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 3, 48, WIDTH]))


def _prepend(model: ModelProto, nodes: list[NodeProto]) -> None:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def best_class_only(model: ModelProto) -> None:
    """Replaces the (N, steps, 6625) scores by the best class of each step and its score, both (N, steps).

    The scores of one line are a megabyte of float32, which no thin link should carry.
    """
    scores = model.graph.output[0].name
    model.graph.node.append(helper.make_node("ArgMax", [scores], ["classes"], axis=2, keepdims=0))
    if _opset(model) >= 18:
        model.graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), "class_axis"))
        model.graph.node.append(helper.make_node("ReduceMax", [scores, "class_axis"], ["confidence"], keepdims=0))
    else:
        model.graph.node.append(helper.make_node("ReduceMax", [scores], ["confidence"], axes=[2], keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("classes", TensorProto.INT64, ["N", "steps"]))
    model.graph.output.append(helper.make_tensor_value_info("confidence", TensorProto.FLOAT, ["N", "steps"]))


def models(folder: Path) -> dict[str, Path]:
    """The three models to serve, by workload name."""
    folder.mkdir(parents=True, exist_ok=True)
    recogniser = onnx.load(str(FILES["recognition"]))
    read_bytes(recogniser)
    best_class_only(recogniser)
    onnx.checker.check_model(recogniser)
    target = folder / "recognition.onnx"
    onnx.save(recogniser, str(target))
    return {"orientation": FILES["orientation"], "detection": FILES["detection"], "recognition": target}
