"""Makes the demo's models: PP-OCR's files, the recogniser with its class scores reduced to the best class a step."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from bench.demo.ocr import FILES


def best_class_only(source: Path, target: Path) -> Path:
    """Writes `source` with its (N, steps, classes) scores replaced by class numbers and their scores, both (N, steps).

    6,625 float32 scores a step are a megabyte a line of text, which no thin link should carry.
    """
    model = onnx.load(str(source))
    scores = model.graph.output[0].name
    model.graph.node.append(helper.make_node("ArgMax", [scores], ["classes"], axis=2, keepdims=0))
    axis = helper.make_tensor("reduce_axis", TensorProto.INT64, [1], [2])
    opset = next(o.version for o in model.opset_import if o.domain == "")
    if opset >= 18:
        model.graph.initializer.append(axis)
        model.graph.node.append(helper.make_node("ReduceMax", [scores, "reduce_axis"], ["confidence"], keepdims=0))
    else:
        model.graph.node.append(helper.make_node("ReduceMax", [scores], ["confidence"], axes=[2], keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("classes", TensorProto.INT64, ["N", "steps"]))
    model.graph.output.append(helper.make_tensor_value_info("confidence", TensorProto.FLOAT, ["N", "steps"]))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
    return target


def models(folder: Path) -> dict[str, Path]:
    """The three models to serve, by workload name."""
    folder.mkdir(parents=True, exist_ok=True)
    recognition = best_class_only(FILES["recognition"], folder / "recognition.onnx")
    return {"orientation": FILES["orientation"], "detection": FILES["detection"], "recognition": recognition}
