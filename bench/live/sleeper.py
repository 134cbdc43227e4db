"""A Triton Python-backend model that takes as long as its table says a batch of that size takes.

It is copied into a model repository; `sleeper.json` beside it holds the seconds of batches of 0, 1, 2, ... and the
number of this process, which every answer tells.
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
    """Answers each request with its own input as `y` and the process that did as `process`."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads the table and the number."""
        folder = Path(args["model_repository"]) / args["model_version"]
        said = json.loads((folder / "sleeper.json").read_text())
        self.took_s: list[float] = said["took_s"]
        self.process: int = said["process"]

    def execute(self, requests: list[Any]) -> list[Any]:
        """One execution of all requests that the batcher put together; returns when the table says so."""
        began = time.monotonic()
        inputs = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        answers = [self._answer(value) for value in inputs]
        count = sum(len(value) for value in inputs)
        time.sleep(max(0.0, began + self.took_s[count] - time.monotonic()))
        return answers

    def _answer(self, value: Any) -> Any:
        process = pb_utils.Tensor("process", value * 0 + self.process)
        return pb_utils.InferenceResponse([pb_utils.Tensor("y", value), process])
