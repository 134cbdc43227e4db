"""A Triton Python-backend model that takes as long as its table says a batch of that size takes.

It is copied into a model repository; `took_s.json` beside it holds the seconds of batches of 0, 1, 2, ...
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# As in the simulated ONNX Runtime backend: under numpy 2 the stub misreads inputs, so ours comes first.
sys.path.insert(0, os.environ["SLICEPLANE_SIM_PYTHON"])

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Answers each request with its own input."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads the table."""
        folder = Path(args["model_repository"]) / args["model_version"]
        self.took_s: list[float] = json.loads((folder / "took_s.json").read_text())

    def execute(self, requests: list[Any]) -> list[Any]:
        """One execution of all requests that the batcher put together; returns when the table says so."""
        began = time.monotonic()
        inputs = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        answers = [pb_utils.InferenceResponse([pb_utils.Tensor("y", value)]) for value in inputs]
        count = sum(len(value) for value in inputs)
        time.sleep(max(0.0, began + self.took_s[count] - time.monotonic()))
        return answers
