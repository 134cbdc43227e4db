"""Stands in for Triton's ONNX Runtime backend on the CPU: a Python-based backend that runs model.onnx with onnxruntime.

It runs inside Triton's Python stub; the launcher says in SLICEPLANE_SIM_THREADS how many threads (GPCs) the device has.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# The stub ignores PYTHONPATH, and misreads inputs under numpy 2, which the Python that it embeds may well have: this
# module is the first that it imports, so ours come first.
sys.path[:0] = [os.environ["SLICEPLANE_SIM_PYTHON"], str(Path(__file__).parent)]

import batches
import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb


class TritonPythonModel:
    """One instance of a model; requests of equal shapes run as one batch, as the dynamic batcher grouped them."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the model; `args` as Triton gives them, all text. TritonModelException in one line if it cannot."""
        config = json.loads(args["model_config"])
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.batches = config["max_batch_size"] > 0
        self.outputs = [output["name"] for output in config["output"]]
        self.session = _session(path)
        self.texts = {i.name for i in self.session.get_inputs() if i.type == "tensor(string)"}
        first = [i.shape[0] for i in self.session.get_inputs() if i.shape]
        self.fixed = first[0] if self.batches and first and isinstance(first[0], int) else None
        _same_names("input", [i["name"] for i in config["input"]], [i.name for i in self.session.get_inputs()])
        _same_names("output", self.outputs, [o.name for o in self.session.get_outputs()])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each request; a failing batch fails only the requests in it."""
        feeds = [self._feed(request) for request in requests]
        answers: list[Any] = [None] * len(requests)
        for members in batches.groups(feeds, self.batches):
            for member, answer in zip(members, self._answers([feeds[m] for m in members]), strict=True):
                answers[member] = answer
        return answers

    def _feed(self, request: Any) -> batches.Feed:
        return {tensor.name(): self._array(tensor) for tensor in request.inputs()}

    def _array(self, tensor: Any) -> Any:
        array = tensor.as_numpy()
        if tensor.name() in self.texts:
            return np.vectorize(lambda text: text.decode(), otypes=[object])(array)
        return array

    def _answers(self, feeds: list[batches.Feed]) -> list[Any]:
        try:
            results = batches.run_together(feeds, self.fixed, lambda feed: self.session.run(self.outputs, feed))
            return [self._answer(values) for values in results]
        except Exception as error:
            if len(feeds) == 1:
                return [pb.InferenceResponse(error=pb.TritonError(_one_line(error)))]
            return [answer for feed in feeds for answer in self._answers([feed])]  # the fault of one is not the others'

    def _answer(self, values: batches.Values) -> Any:
        named = zip(self.outputs, values, strict=True)
        return pb.InferenceResponse(output_tensors=[pb.Tensor(name, _plain(value)) for name, value in named])


def _session(path: Path) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("SLICEPLANE_SIM_THREADS", "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise pb.TritonModelException(f"onnxruntime cannot load {path.name}: {_one_line(error)}") from None


def _same_names(kind: str, configured: list[str], offered: list[str]) -> None:
    if unknown := sorted(set(configured) - set(offered)):
        known = ", ".join(offered)
        raise pb.TritonModelException(f"config.pbtxt names {kind} {unknown[0]}, the model has {known}")


def _plain(value: Any) -> Any:
    if value.dtype == object:
        return np.vectorize(str.encode, otypes=[object])(value)
    return np.ascontiguousarray(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
