"""Stands in for Triton's ONNX Runtime backend on the CPU: a Python-based backend that runs model.onnx with onnxruntime.

Runs inside Triton's Python stub, which ignores PYTHONPATH and needs numpy below 2; the launcher says in
SLICEPLANE_SIM_PYTHON where those packages are and in SLICEPLANE_SIM_THREADS how many threads (GPCs) the instance has.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(1, os.environ["SLICEPLANE_SIM_PYTHON"])

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb


class TritonPythonModel:
    """One instance of a model; requests of equal shapes are run as one batch, as the dynamic batcher grouped them."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the model; `args` as Triton gives them, all text."""
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        options = ort.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("SLICEPLANE_SIM_THREADS", "1"))
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        config = json.loads(args["model_config"])
        self.batches = config["max_batch_size"] > 0
        self.inputs = [i["name"] for i in config["input"]]
        self.outputs = [o["name"] for o in config["output"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers each request; a failing batch fails only the requests in it."""
        answers: list[Any] = [None] * len(requests)
        for members in self._groups(requests):
            feeds = [self._feed(requests[m]) for m in members]
            try:
                results = self._run(feeds)
            except Exception as error:
                results = [pb.InferenceResponse(error=pb.TritonError(str(error)))] * len(members)
            for member, result in zip(members, results, strict=True):
                answers[member] = result
        return answers

    def _feed(self, request: Any) -> dict[str, Any]:
        return {name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}

    def _groups(self, requests: list[Any]) -> list[list[int]]:
        if not self.batches:
            return [[i] for i in range(len(requests))]
        groups: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            shapes = tuple(pb.get_input_tensor_by_name(request, n).shape()[1:] for n in self.inputs)
            groups.setdefault(str(shapes), []).append(index)
        return list(groups.values())

    def _run(self, feeds: list[dict[str, Any]]) -> list[Any]:
        joined = feeds[0]
        if len(feeds) > 1:
            joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in self.inputs}
        values = self.session.run(self.outputs, joined)
        if len(feeds) == 1:
            return [self._answer(values)]
        ends = np.cumsum([len(feed[self.inputs[0]]) for feed in feeds])[:-1]
        return [self._answer(parts) for parts in zip(*(np.split(value, ends) for value in values), strict=True)]

    def _answer(self, values: Any) -> Any:
        named = zip(self.outputs, values, strict=True)
        tensors = [pb.Tensor(name, np.ascontiguousarray(value)) for name, value in named]
        return pb.InferenceResponse(output_tensors=tensors)
