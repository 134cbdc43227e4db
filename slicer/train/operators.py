"""What ONNX operators compute, in torch, so that gradients flow through them: a table from operator to function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from slicer.model import SlicerError

Attributes = Mapping[str, Any]
Operator = Callable[[Attributes, list[Any]], Tensor]


def _pads(attributes: Attributes, x: Tensor, kernel: list[int], strides: list[int], spread: list[int]) -> list[int]:
    """Pads as F.pad takes them: last axis first, begin and end."""
    rank = len(kernel)
    pads = list(attributes.get("pads", [0] * 2 * rank))
    kind = attributes.get("auto_pad", b"NOTSET")
    if kind in (b"SAME_UPPER", b"SAME_LOWER"):
        for axis in range(rank):
            size = x.shape[2 + axis]
            missing = (-(-size // strides[axis]) - 1) * strides[axis] + (kernel[axis] - 1) * spread[axis] + 1 - size
            less, more = max(missing, 0) // 2, max(missing, 0) - max(missing, 0) // 2
            pads[axis], pads[rank + axis] = (less, more) if kind == b"SAME_UPPER" else (more, less)
    return [pads[end * rank + axis] for axis in reversed(range(rank)) for end in (0, 1)]


def _convolve(a: Attributes, x: list[Any]) -> Tensor:
    weight = x[1]
    rank = weight.dim() - 2
    strides, spread = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    padded = F.pad(x[0], _pads(a, x[0], list(weight.shape[2:]), strides, spread))
    run = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
    return run(padded, weight, x[2] if len(x) > 2 else None, strides, 0, spread, a.get("group", 1))


def _pool(a: Attributes, x: list[Any], largest: bool) -> Tensor:
    kernel = a["kernel_shape"]
    strides = a.get("strides", [1] * len(kernel))
    if len(kernel) != 2 or a.get("ceil_mode", 0) or set(a.get("dilations", [1])) != {1}:
        raise SlicerError("a pooling that is not 2-D, or rounds up, or has dilations")
    pads = _pads(a, x[0], kernel, strides, [1, 1])
    if largest:
        return F.max_pool2d(F.pad(x[0], pads, value=float("-inf")), kernel, strides)
    summed = F.avg_pool2d(F.pad(x[0], pads), kernel, strides)
    if a.get("count_include_pad", 0) or not any(pads):
        return summed
    return summed / F.avg_pool2d(F.pad(torch.ones_like(x[0]), pads), kernel, strides)


def _batch_norm(a: Attributes, x: list[Any]) -> Tensor:
    return F.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, a.get("epsilon", 1e-5))


def _clip(a: Attributes, x: list[Tensor]) -> Tensor:
    low = x[1] if len(x) > 1 else a.get("min")
    high = x[2] if len(x) > 2 else a.get("max")
    return x[0] if low is None and high is None else torch.clamp(x[0], low, high)


def _gemm(a: Attributes, x: list[Tensor]) -> Tensor:
    left = x[0].t() if a.get("transA", 0) else x[0]
    right = x[1].t() if a.get("transB", 0) else x[1]
    product: Tensor = a.get("alpha", 1.0) * (left @ right)
    return product + a.get("beta", 1.0) * x[2] if len(x) > 2 else product


def _reshape(_a: Attributes, x: list[Tensor]) -> Tensor:
    wanted = [x[0].shape[axis] if size == 0 else size for axis, size in enumerate(x[1].tolist())]
    if len(wanted) > 1 and wanted[0] == 1 and x[0].shape[0] != 1 and -1 in wanted[1:]:
        wanted[0] = x[0].shape[0]  # a batch of one was written into the file; here there are more
    return x[0].reshape(wanted)


def _mean(a: Attributes, x: list[Any]) -> Tensor:
    axes = x[1].tolist() if len(x) > 1 and x[1] is not None else a.get("axes")
    return torch.mean(x[0], dim=axes, keepdim=bool(a.get("keepdims", 1)))


def _softmax(a: Attributes, x: list[Any]) -> Tensor:
    return torch.softmax(x[0], a.get("axis", -1))


def _flatten(a: Attributes, x: list[Tensor]) -> Tensor:
    axis = a.get("axis", 1)
    return x[0].reshape(int(torch.tensor(x[0].shape[:axis]).prod()), -1)


OPERATORS: Mapping[str, Operator] = {
    "Add": lambda _a, x: x[0] + x[1],
    "AveragePool": lambda a, x: _pool(a, x, largest=False),
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": lambda a, x: torch.cat(x, a["axis"]),
    "Conv": _convolve,
    "Div": lambda _a, x: x[0] / x[1],
    "Dropout": lambda _a, x: x[0],
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _a, x: x[0].mean(dim=tuple(range(2, x[0].dim())), keepdim=True),
    "HardSigmoid": lambda a, x: torch.clamp(a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5), 0, 1),
    "HardSwish": lambda _a, x: x[0] * torch.clamp(x[0] / 6 + 0.5, 0, 1),
    "Identity": lambda _a, x: x[0],
    "MatMul": lambda _a, x: x[0] @ x[1],
    "MaxPool": lambda a, x: _pool(a, x, largest=True),
    "Mul": lambda _a, x: x[0] * x[1],
    "ReduceMean": _mean,
    "Relu": lambda _a, x: torch.relu(x[0]),
    "Reshape": _reshape,
    "Sigmoid": lambda _a, x: torch.sigmoid(x[0]),
    "Softmax": _softmax,
    "Sub": lambda _a, x: x[0] - x[1],
    "Tanh": lambda _a, x: torch.tanh(x[0]),
    "Transpose": lambda a, x: x[0].permute(a.get("perm", list(reversed(range(x[0].dim()))))),
}
