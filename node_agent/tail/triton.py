"""The Triton beside this tail; the one file here that knows tritonclient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import aio as triton
from tritonclient.utils import InferenceServerException

from common.errors import DeadlineExceeded, Internal, SliceplaneError, Unavailable
from node_agent.tail.model import Output

# Codes with which Triton, or the way to it, says "not now": it restarts, loads or unloads its model.
AWAY = {"UNAVAILABLE", "CANCELLED", "NOT_FOUND", "UNKNOWN"}


class Triton:
    """One model of one Triton: `address` "host:port", float32 input `input_name`."""

    def __init__(self, address: str, model: str, input_name: str, *, max_message_bytes: int) -> None:
        limits = [
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
        ]
        self._client = triton.InferenceServerClient(address, channel_args=limits)
        self._model = model
        self._input = input_name

    async def ready(self) -> bool:
        """Whether the model answers; asked of the model, for a server is ready before and after it."""
        try:
            return bool(await self._client.is_model_ready(self._model, client_timeout=2))
        except (InferenceServerException, grpc.RpcError):
            return False

    async def infer(self, activation: npt.NDArray[np.float32], timeout_s: float) -> list[Output]:
        """The model's results for one activation. Raises DeadlineExceeded, Unavailable or Internal."""
        tensor = triton.InferInput(self._input, list(activation.shape), "FP32")
        tensor.set_data_from_numpy(activation)
        try:
            result = await self._client.infer(self._model, [tensor], client_timeout=timeout_s)
        except InferenceServerException as error:
            raise _translated(error) from error
        return _outputs(result)

    async def close(self) -> None:
        """Closes the channel."""
        await self._client.close()


def _translated(error: InferenceServerException) -> SliceplaneError:
    code = str(error.status() or "").removeprefix("StatusCode.")
    text = (str(error.message()).strip().splitlines() or [code])[0][:300]
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceeded(f"Triton did not answer in time: {text}")
    if code in AWAY:
        return Unavailable(f"Triton is not there: {text}")
    return Internal(f"Triton refused the activation: {text}")


def _outputs(result: Any) -> list[Output]:
    response = result.get_response()
    raw: Sequence[bytes] = response.raw_output_contents
    return [
        Output(
            output.name,
            output.datatype,
            tuple(output.shape),
            raw[position] if position < len(raw) else result.as_numpy(output.name).tobytes(),
        )
        for position, output in enumerate(response.outputs)
    ]
