"""A fake Triton: the KServe v2 gRPC service over onnxruntime, which can be slow, absent or unready."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import numpy as np
import onnxruntime
from grpc import aio
from tritonclient.grpc import service_pb2, service_pb2_grpc


class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Serves one float32 model as `name`; tests set `delay_s`, `ready` and `refusal` and read the counters."""

    def __init__(self, name: str, model: bytes) -> None:
        self.name = name
        self.ready = True
        self.delay_s = 0.0
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.calls = self.cancelled = self.port = 0
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._server: aio.Server | None = None

    async def start(self) -> FakeTriton:
        """Listens, on the same port as before if there was one."""
        self._server = aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)])
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()
        return self

    async def stop(self) -> None:
        """Ends at once, breaking calls."""
        if self._server:
            await self._server.stop(0)
            self._server = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self.port}"

    async def ModelReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=self.ready and request.name == self.name)

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        self.calls += 1
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.refusal:
            await context.abort(*self.refusal)
        if request.model_name != self.name:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.model_name}'")
        return self._answer(request)

    def _answer(self, request: Any) -> Any:
        values = {
            given.name: np.frombuffer(raw, np.float32).reshape(tuple(given.shape))
            for given, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        names = [output.name for output in self._session.get_outputs()]
        for name, value in zip(names, self._session.run(names, values), strict=True):
            response.outputs.add(name=name, datatype="FP32", shape=value.shape)
            response.raw_output_contents.append(np.ascontiguousarray(value).tobytes())
        return response
