"""Runs ONNX models on this machine; the one file of the slicer that knows onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, ValueInfoProto
from onnxruntime.capi import onnxruntime_pybind11_state as state

from slicer import load
from slicer.model import SlicerError

Values = Mapping[str, npt.NDArray[np.generic]]

_FAILURES = (
    state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
    state.NotImplemented, state.RuntimeException, ValueError,
)  # fmt: skip


class Session:
    """A model that is ready to run. `threads` 0: as many as there are cores. Raises SlicerError."""

    def __init__(self, model: ModelProto | bytes, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what fails is raised; a second telling helps nobody
        # Several sessions of one process would otherwise spin against each other.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        content = model if isinstance(model, bytes) else load.serialise(model, "the model")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except _FAILURES as error:
            raise SlicerError(f"onnxruntime does not take the model: {_line(error)}") from error
        self.outputs = tuple(str(o.name) for o in self._session.get_outputs())

    def __call__(self, values: Values) -> dict[str, npt.NDArray[np.generic]]:
        """The outputs by name. Raises SlicerError."""
        try:
            results = self._session.run(None, dict(values))
        except _FAILURES as error:
            raise SlicerError(f"onnxruntime cannot run the model: {_line(error)}") from error
        return {name: np.asarray(result) for name, result in zip(self.outputs, results, strict=True)}


def exposing(model: ModelProto, names: Iterable[str]) -> ModelProto:
    """A copy of the model whose outputs are the tensors `names`."""
    shown = ModelProto()
    shown.CopyFrom(model)
    known = {v.name: v for v in (*model.graph.value_info, *model.graph.output)}
    del shown.graph.output[:]
    shown.graph.output.extend(known.get(name, ValueInfoProto(name=name)) for name in names)
    return shown


def zeros(model: ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.generic]]:
    """One input of zeros; sizes that neither the model nor `shapes` gives are refused with SlicerError."""
    values: dict[str, npt.NDArray[np.generic]] = {}
    for value in load.inputs(model):
        about = load.tensor(value)
        shape = shapes.get(about.name, about.shape)
        if shape is None or any(not isinstance(size, int) for size in shape):
            raise SlicerError(f'input "{about.name}" has open sizes: say --shape {about.name}=1x3x224x224 or the like')
        values[about.name] = np.zeros([int(size) for size in shape], np.dtype(about.dtype))
    return values


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
