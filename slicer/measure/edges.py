"""Where tails are run to be timed: here, or on a Triton; the one file of the slicer that knows tritonclient."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from onnx import ModelProto

from slicer import load
from slicer.measure.spread import ENOUGH_S, LEAST, Spread, spread, timed
from slicer.model import SlicerError
from slicer.run import Session
from slicer.samples import Arrays

_TYPES = {
    "float32": "FP32", "float16": "FP16", "float64": "FP64", "int64": "INT64", "int32": "INT32", "int16": "INT16",
    "int8": "INT8", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "bool": "BOOL",
}  # fmt: skip


class Edge(Protocol):
    """Runs tails."""

    name: str

    def time(self, tail: ModelProto, inputs: Sequence[Arrays], repeats: int) -> Spread:
        """What the tail takes for one of the inputs in turn, ms. Raises SlicerError."""


class LocalEdge:
    """onnxruntime on this machine; `threads` 0: one a core."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.name = f"onnxruntime here, {threads or 'all'} threads"

    def time(self, tail: ModelProto, inputs: Sequence[Arrays], repeats: int) -> Spread:
        """As `Edge` says."""
        session = Session(tail, self._threads)
        return timed(lambda run: session(inputs[run % len(inputs)]), repeats)


class TritonEdge:
    """A Triton at "host:port" (gRPC) that was started with --model-control-mode=explicit.

    Each tail is loaded into it under a name of this process, timed, and unloaded again. Times are the server's own:
    queue, input, inference and output, not the way there.
    """

    def __init__(self, address: str) -> None:
        try:
            from tritonclient import grpc as triton
            from tritonclient.utils import InferenceServerException
        except ImportError as error:
            raise SlicerError("an edge on Triton needs its client: pip install 'tritonclient[grpc]'") from error
        self._triton: Any = triton
        self._failures = (InferenceServerException, ConnectionError)
        limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self._client: Any = triton.InferenceServerClient(address, channel_args=limits)
        self._model = f"sliceplane-measure-{os.getpid()}"
        self._address = address
        self.name = f"Triton at {address}"

    def time(self, tail: ModelProto, inputs: Sequence[Arrays], repeats: int) -> Spread:
        """As `Edge` says."""
        content = load.serialise(tail, "the tail")
        try:
            self._client.load_model(self._model, config=self._config(tail), files={"file:1/model.onnx": content})
            try:
                return self._times(inputs, repeats)
            finally:
                self._client.unload_model(self._model)
        except self._failures as error:
            text = (str(error).strip().splitlines() or ["no answer"])[0][:200]
            way_out = "is it reachable, and started with --model-control-mode=explicit?"
            raise SlicerError(f"Triton at {self._address} does not time the tail: {text}; {way_out}") from error

    def _times(self, inputs: Sequence[Arrays], repeats: int) -> Spread:
        requests = [self._tensors(one) for one in inputs]
        taken: list[float] = []
        before = self._spent_ns()
        for run in range(2 + repeats):  # the first two warm up
            self._client.infer(self._model, requests[run % len(requests)])
            now = self._spent_ns()
            if run >= 2:
                taken.append((now - before) / 1e6)
            before = now
            if len(taken) >= LEAST and sum(taken) > ENOUGH_S * 1e3:
                break
        return spread(taken)

    def _spent_ns(self) -> int:
        statistics = self._client.get_inference_statistics(self._model)
        return sum(int(one.inference_stats.success.ns) for one in statistics.model_stats)

    def _tensors(self, values: Arrays) -> list[Any]:
        found = []
        for name, value in values.items():
            tensor = self._triton.InferInput(name, list(value.shape), _TYPES[value.dtype.name])
            tensor.set_data_from_numpy(np.ascontiguousarray(value))
            found.append(tensor)
        return found

    def _config(self, tail: ModelProto) -> str:
        return json.dumps(
            {
                "name": self._model,
                "backend": "onnxruntime",
                "max_batch_size": 0,
                "input": [_end(load.tensor(value)) for value in load.inputs(tail)],
                "output": [_end(load.tensor(value)) for value in tail.graph.output],
            }
        )


def _end(about: Any) -> dict[str, Any]:
    if about.dtype not in _TYPES or about.shape is None:
        raise SlicerError(f'Triton must be told type and rank of tensor "{about.name}", the model leaves them open')
    dims = [size if isinstance(size, int) else -1 for size in about.shape]
    return {"name": about.name, "data_type": f"TYPE_{_TYPES[about.dtype]}", "dims": dims}
