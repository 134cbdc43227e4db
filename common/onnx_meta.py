"""Reads what Triton will serve of an ONNX file. Also a program: it prints the facts of a file as JSON.

It runs as a process of its own: a hostile or huge file can then cost neither the caller's memory nor its loop.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import onnx

# ONNX element types as Triton names them.
DATATYPES = {
    "FLOAT": "FP32",
    "DOUBLE": "FP64",
    "FLOAT16": "FP16",
    "BFLOAT16": "BF16",
    "BOOL": "BOOL",
    "STRING": "BYTES",
    **{f"{sign}INT{bits}": f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}


class NotServable(Exception):
    """Why a file cannot be served: one sentence."""


def facts(path: str) -> dict[str, Any]:
    """Inputs, outputs and batchability of the model in `path`. NotServable."""
    graph = _load(path).graph
    initial = {tensor.name for tensor in graph.initializer}
    inputs = [_tensor("input", value) for value in graph.input if value.name not in initial]
    outputs = [_tensor("output", value) for value in graph.output]
    if not inputs or not outputs:
        raise NotServable("its graph has no inputs or no outputs")
    batchable = all(t["shape"] and t["shape"][0] == -1 for t in (*inputs, *outputs))
    return {"inputs": inputs, "outputs": outputs, "batchable": batchable}


def _load(path: str) -> Any:
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf has several, of which some are C++'s own
        raise NotServable("it is no ONNX file: protobuf cannot read it") from error
    if not model.ir_version or not model.graph.node:
        raise NotServable("it is no ONNX file: it holds no graph")
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer):
        raise NotServable("its weights lie in another file: save it as one file (save_as_external_data=False)")
    if all(_ranked(value) for value in model.graph.output):
        return model
    return onnx.shape_inference.infer_shapes(model)


def _ranked(value: Any) -> bool:
    return bool(value.type.tensor_type.HasField("shape"))


def _tensor(what: str, value: Any) -> dict[str, Any]:
    if value.type.WhichOneof("value") != "tensor_type":
        raise NotServable(f'{what} "{value.name}" is no plain tensor')
    kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
    if kind not in DATATYPES:
        raise NotServable(f'{what} "{value.name}" has element type {kind}, which Triton cannot serve')
    if not _ranked(value):
        raise NotServable(f'{what} "{value.name}" has no known rank: run ONNX shape inference and save again')
    return {"name": value.name, "datatype": DATATYPES[kind], "shape": list(_sizes(value.type.tensor_type.shape.dim))}


def _sizes(dims: Iterable[Any]) -> Iterable[int]:
    return (dim.dim_value if dim.WhichOneof("value") == "dim_value" else -1 for dim in dims)


def main() -> None:
    """Prints {"inputs", "outputs", "batchable"} of the file named first, or {"error"}."""
    try:
        print(json.dumps(facts(sys.argv[1])))
    except NotServable as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main()
