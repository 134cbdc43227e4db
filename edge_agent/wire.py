"""Tensors as messages and back; the only place of the edge agent that knows both."""

from __future__ import annotations

from math import prod

import numpy as np

from common.errors import InvalidArgument, Violation
from edge_agent.model import Array, Tensors
from protos.sliceplane.edge.v1 import edge_pb2
from protos.sliceplane.tail.v1 import tail_pb2

# Triton's names of element types -> numpy's. Strings (BYTES) are not carried.
DTYPES = {
    "BOOL": "bool", "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64", "UINT8": "uint8",
    "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip
DATATYPES = {name: datatype for datatype, name in DTYPES.items()}


def array(message: edge_pb2.NamedTensor | tail_pb2.OutputTensor) -> Array:
    """The tensor in `message`. Raises InvalidArgument, naming the field."""
    field = f"tensor[{message.name[:80]}]"
    if message.datatype not in DTYPES:
        raise _bad(f"{field}.datatype", f'"{message.datatype[:20]}" is not one of {", ".join(DTYPES)}')
    dtype, shape = np.dtype(DTYPES[message.datatype]).newbyteorder("<"), tuple(message.shape)
    if len(shape) > 16 or any(size < 0 for size in shape):
        raise _bad(f"{field}.shape", "sizes are at most 16 numbers from 0 up")
    if prod(shape) * dtype.itemsize != len(message.content):
        need = prod(shape) * dtype.itemsize
        raise _bad(f"{field}.content", f"it has {len(message.content)} bytes, type and shape need {need}")
    return np.frombuffer(message.content, dtype).reshape(shape)


def messages(tensors: Tensors) -> list[edge_pb2.NamedTensor]:
    """Tensors by name as messages. Raises InvalidArgument for element types that are not carried."""
    return [_message(name, value) for name, value in tensors.items()]


def _message(name: str, value: Array) -> edge_pb2.NamedTensor:
    datatype = DATATYPES.get(value.dtype.name)
    if datatype is None:
        raise _bad(f"outputs[{name}]", f"elements of type {value.dtype.name} are not carried")
    content = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
    return edge_pb2.NamedTensor(name=name, datatype=datatype, shape=value.shape, content=content)


def _bad(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(Violation(field, text))
