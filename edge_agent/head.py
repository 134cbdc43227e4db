"""Runs ONNX models on this device; the one file of the edge agent that knows onnxruntime."""

from __future__ import annotations

import os
import time

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from common.errors import Internal, InvalidArgument, Violation
from common.heap import give_back, lean
from edge_agent.model import Array, Tensors, TensorSpec

_FAILURES = (
    state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
    state.NotImplemented, state.RuntimeException, ValueError,
)  # fmt: skip

# onnxruntime's names of element types -> numpy's.
_DTYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    "tensor(int8)": "int8", "tensor(int16)": "int16", "tensor(int32)": "int32", "tensor(int64)": "int64",
    "tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(uint32)": "uint32", "tensor(uint64)": "uint64",
}  # fmt: skip


class Runner:
    """One model that is ready to run; `content` is the ONNX file's bytes, `threads` 0: as many as there are cores.

    Raises Internal if onnxruntime does not take it. Safe to call from several threads.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        lean()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Head and whole model live in one process: spinning, each would take the cores from the other.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Two arenas would keep the largest activation of both models for good; a gateway has little memory.
        options.enable_cpu_mem_arena = False
        try:
            self._session = _session(content, options)
        except _FAILURES as error:
            raise Internal(f"onnxruntime does not take the model: {_line(error)}") from error
        give_back()
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())

    def __call__(self, inputs: Tensors) -> tuple[dict[str, Array], float]:
        """The outputs by name, and the seconds it took. Raises InvalidArgument if the model refuses the inputs."""
        begun = time.monotonic()
        names = [spec.name for spec in self.outputs]
        try:
            results = self._session.run(names, {spec.name: inputs[spec.name] for spec in self.inputs})
        except (KeyError, *_FAILURES) as error:
            raise InvalidArgument(Violation("inputs", f"the model refuses them: {_line(error)}")) from error
        outputs = {name: np.asarray(result) for name, result in zip(names, results, strict=True)}
        return outputs, time.monotonic() - begun

    def warm_up(self) -> float | None:
        """Runs zeros twice where all sizes are known; the seconds of the second run, or None."""
        if any(size is None for spec in self.inputs for size in spec.shape[1:]):
            return None
        zeros = {s.name: np.zeros([size or 1 for size in s.shape], np.dtype(s.dtype)) for s in self.inputs}
        try:
            self(zeros)
            return self(zeros)[1]
        except InvalidArgument:  # a model that takes no zeros may take real frames: their first one warms up
            return None


def check(specs: tuple[TensorSpec, ...], inputs: Tensors) -> None:
    """Raises InvalidArgument, naming the input, unless `inputs` are what the model declares."""
    known = {spec.name: spec for spec in specs}
    wrong = [
        Violation("inputs", f'the model has no input "{name}"; it has {", ".join(known)}')
        for name in inputs
        if name not in known
    ]
    for name, spec in known.items():
        if name not in inputs:
            wrong.append(Violation(f"inputs[{name}]", "it is missing"))
            continue
        given = inputs[name]
        if given.dtype.name != spec.dtype:
            wrong.append(
                Violation(f"inputs[{name}].datatype", f"it is {given.dtype.name}, the model wants {spec.dtype}")
            )
        elif not fits(spec.shape, given.shape):
            said, want = _text(given.shape), _text(spec.shape)
            wrong.append(Violation(f"inputs[{name}].shape", f"it is {said}, the model wants {want}"))
    if wrong:
        raise InvalidArgument(*wrong)


def fits(declared: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    """Whether sizes agree, open ones (None) with anything."""
    return len(declared) == len(given) and all(d in (None, g) for d, g in zip(declared, given, strict=True))


def _spec(node: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in node.shape)
    return TensorSpec(str(node.name), _DTYPES.get(str(node.type), str(node.type)), shape)


def _text(shape: tuple[int | None, ...]) -> str:
    return "×".join("?" if size is None else str(size) for size in shape) or "a scalar"


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _session(content: bytes, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Given bytes a session keeps them for good beside its own copy; given a file it does not: one in memory."""
    with os.fdopen(os.memfd_create("model"), "wb") as file:
        file.write(content)
        file.flush()
        path = f"/proc/self/fd/{file.fileno()}"
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
