"""Reads ONNX models, fixes their input sizes, and infers the shape of every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import ModelProto, ValueInfoProto, helper, shape_inference

from slicer.model import Dim, SlicerError, Tensor

_INFERRED = "unk__"  # how shape inference calls sizes that it found to be open
_LARGEST = 2**31 - 1  # a protobuf message ends there


def load(path: Path) -> ModelProto:
    """The model in a file, with its external data. Raises SlicerError."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except (OSError, DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise SlicerError(f"{path}: not a readable ONNX model: {_first_line(error)}") from error
    return model


def parse(content: bytes, what: str) -> ModelProto:
    """The model in `content`. Raises SlicerError."""
    try:
        return onnx.load_from_string(content)
    except (DecodeError, ValueError) as error:
        raise SlicerError(f"{what} is no readable ONNX model: {_first_line(error)}") from error


def serialise(model: ModelProto, what: str) -> bytes:
    """The model as one file's bytes, the same for the same model. Raises SlicerError over 2 GB."""
    try:
        if model.ByteSize() <= _LARGEST:
            return bytes(model.SerializeToString(deterministic=True))
    except (ValueError, EncodeError) as error:
        raise SlicerError(f"{what} cannot be written: {_first_line(error)}") from error
    raise SlicerError(f"{what} is larger than 2 GB, more than one ONNX file can hold; cut a smaller model")


def inputs(model: ModelProto) -> list[ValueInfoProto]:
    """The real inputs: old models list their initializers among them, too."""
    constants = {i.name for i in model.graph.initializer} | {i.values.name for i in model.graph.sparse_initializer}
    return [value for value in model.graph.input if value.name not in constants]


def with_shapes(model: ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> ModelProto:
    """A copy whose inputs have the given sizes (elements) and whose tensors have every shape that follows.

    Raises SlicerError for an input that the model has not, or a shape that contradicts it.
    """
    fixed = ModelProto()
    fixed.CopyFrom(model)
    known = {value.name: value for value in inputs(fixed)}
    for name, shape in shapes.items():
        if name not in known:
            raise SlicerError(f'the model has no input "{name}"; its inputs are {", ".join(known)}')
        _fix(known[name], shape)
    if shapes:
        _forget(fixed)
    try:
        return shape_inference.infer_shapes(fixed, data_prop=True)
    except (shape_inference.InferenceError, ValueError) as error:
        raise SlicerError(f"shapes cannot be inferred: {_first_line(error)}") from error


def tensor(value: ValueInfoProto) -> Tensor:
    """Our view of an ONNX value; a value that is no tensor has no dtype and no shape."""
    kind = value.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else ""
    shape = tuple(_dim(dim) for dim in kind.shape.dim) if kind.HasField("shape") else None
    return Tensor(value.name, dtype, shape)


def tensors(model: ModelProto) -> dict[str, Tensor]:
    """Every tensor that the graph says something about, by name."""
    graph = model.graph
    return {value.name: tensor(value) for value in (*graph.value_info, *graph.input, *graph.output)}


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value") and dim.dim_value >= 0:  # some exporters write -1 for an open size
        return int(dim.dim_value)
    name = str(dim.dim_param)
    return "" if name.startswith(_INFERRED) else name.strip("?")


def _fix(value: ValueInfoProto, shape: tuple[int, ...]) -> None:
    said = tensor(value).shape
    fits = said is None or (
        len(said) == len(shape) and all(not isinstance(a, int) or a == b for a, b in zip(said, shape, strict=True))
    )
    if not fits:
        raise SlicerError(f'input "{value.name}" has shape {show(said)}, {show(shape)} contradicts it')
    del value.type.tensor_type.shape.dim[:]
    for size in shape:
        value.type.tensor_type.shape.dim.add(dim_value=size)


def _forget(model: ModelProto) -> None:
    """Drops shapes that were written for open sizes, so that inference writes them anew."""
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            if not isinstance(_dim(dim), int):
                dim.Clear()


def show(shape: tuple[Dim, ...] | None) -> str:
    """A shape for people, such as "1x3x48x?"."""
    return "x".join(str(size) or "?" for size in shape) if shape is not None else "?"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
