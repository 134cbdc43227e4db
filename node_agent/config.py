"""Writes a model's config.pbtxt, as Triton's ONNX Runtime backend wants it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def config_pbtxt(name: str, facts: Mapping[str, Any], batch: int, max_queue_delay_us: int) -> str:
    """The configuration of one model instance.

    `facts` as common.onnx_meta gives them: inputs and outputs with name, Triton datatype and shape (-1: varies), and
    whether axis 0 is a batch axis. A model without one is served with max_batch_size 0, its shapes as they are.
    """
    size = batch if facts["batchable"] else 0
    lines = [f"name: {json.dumps(name)}", 'backend: "onnxruntime"', f"max_batch_size: {size}"]
    lines += [_tensor("input", tensor, size > 0) for tensor in facts["inputs"]]
    lines += [_tensor("output", tensor, size > 0) for tensor in facts["outputs"]]
    lines.append("instance_group [ { count: 1 } ]")
    if size > 1:
        lines.append(_batching(size, max_queue_delay_us))
    return "\n".join(lines) + "\n"


def _tensor(kind: str, tensor: Mapping[str, Any], batched: bool) -> str:
    shape: Sequence[int] = tensor["shape"][1:] if batched else tensor["shape"]
    # Triton wants at least one dimension; a model whose items are scalars is told so by a reshape to none.
    dims = ", ".join(str(size) for size in shape) if shape else "1"
    reshape = "" if shape else " reshape: { shape: [ ] }"
    datatype = "TYPE_STRING" if tensor["datatype"] == "BYTES" else f"TYPE_{tensor['datatype']}"
    return f"{kind} [ {{ name: {json.dumps(tensor['name'])} data_type: {datatype} dims: [ {dims} ]{reshape} }} ]"


def _batching(size: int, delay_us: int) -> str:
    return f"dynamic_batching {{ preferred_batch_size: [ {size} ] max_queue_delay_microseconds: {delay_us} }}"
