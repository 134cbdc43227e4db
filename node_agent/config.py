"""Writes a model's config.pbtxt, as Triton's ONNX Runtime backend wants it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

RESOURCE = "segment"  # of Triton's rate limiter: there is one, and each execution on a shared segment takes it


def config_pbtxt(
    name: str, facts: Mapping[str, Any], batch: int, max_queue_delay_us: int, priority: int | None = None
) -> str:
    """The configuration of one model instance; on a shared segment with its `priority`, the lowest first.

    `facts` as common.onnx_meta gives them: inputs and outputs with name, Triton datatype and shape (-1: varies), and
    whether axis 0 is a batch axis. A model without one is served with max_batch_size 0, its shapes as they are.
    """
    size = batch if facts["batchable"] else 0
    lines = [f"name: {json.dumps(name)}", 'backend: "onnxruntime"', f"max_batch_size: {size}"]
    lines += [_tensor("input", tensor, size > 0) for tensor in facts["inputs"]]
    lines += [_tensor("output", tensor, size > 0) for tensor in facts["outputs"]]
    lines.append(f"instance_group [ {{ count: 1{_limiter(priority)} }} ]")
    if size > 1:
        lines.append(_batching(size if priority is None else None, max_queue_delay_us))
    return "\n".join(lines) + "\n"


def _tensor(kind: str, tensor: Mapping[str, Any], batched: bool) -> str:
    shape: Sequence[int] = tensor["shape"][1:] if batched else tensor["shape"]
    # Triton wants at least one dimension; a model whose items are scalars is told so by a reshape to none.
    dims = ", ".join(str(size) for size in shape) if shape else "1"
    reshape = "" if shape else " reshape: { shape: [ ] }"
    datatype = "TYPE_STRING" if tensor["datatype"] == "BYTES" else f"TYPE_{tensor['datatype']}"
    return f"{kind} [ {{ name: {json.dumps(tensor['name'])} data_type: {datatype} dims: [ {dims} ]{reshape} }} ]"


def _limiter(priority: int | None) -> str:
    # Global: so the resource is one for all instances, whatever device Triton places them on.
    resource = f'resources [ {{ name: "{RESOURCE}" global: true count: 1 }} ]'
    return "" if priority is None else f" rate_limiter {{ {resource} priority: {priority} }}"


def _batching(preferred: int | None, delay_us: int) -> str:
    # On a shared segment none is preferred: what waits until the segment is free runs together (ADR 15).
    size = "" if preferred is None else f"preferred_batch_size: [ {preferred} ] "
    return f"dynamic_batching {{ {size}max_queue_delay_microseconds: {delay_us} }}"
