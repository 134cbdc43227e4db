"""Tail segments: a bundle's tail on Triton, `sliceplane-tail` before it, both looked after."""

from __future__ import annotations

import os
import signal
from typing import Any

import grpc
import numpy as np
import onnx
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.type.v1 import type_pb2
from slicer import bundle
from tests.e2e.conftest import FEATURES
from tests.integration.node_agent.conftest import FAILED, READY, World

pytestmark = pytest.mark.timeout(120)


def _bundle(world: World) -> str:
    whole = onnx.load_from_string(world.controller.files[world.digest])
    return world.serve(bundle.make(whole, "m", name="double", level="packed-8", shapes={"x": (1, FEATURES)}))


def _tail(world: World, id_: str, start: int, digest: str) -> node_pb2.SegmentSpec:
    spec = world.spec(id_, start, digest=digest)
    spec.serve = type_pb2.SERVE_KIND_TAIL
    return spec


def _tail_pid(port: int) -> int:
    listen = f"--listen=127.0.0.1:{port}"
    return next(p.pid for p in psutil.process_iter(["cmdline"]) if listen in (p.info["cmdline"] or ()))


async def _healthy(port: int) -> bool:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service="sliceplane.tail.v1.TailService")
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(request)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_tail_segment(world: World) -> None:
    """The endpoint is the tail's; a killed tail comes back at the same port before the same Triton; the same bundle
    served whole is its whole model; a plain model has no tail."""
    digest = _bundle(world)
    whole = world.spec("whole", 2, digest=digest)
    world.controller.want(_tail(world, "t", 0, digest), whole, _tail(world, "plain", 4, world.digest))
    await world.until(lambda: world.segment("t").state == READY and world.segment("whole").state == READY)
    await world.until(lambda: "bundle" in world.segment("plain").message)
    assert world.segment("plain").state == FAILED
    end = world.segment("t").endpoints[0]
    assert await _healthy(end.port)

    os.kill(_tail_pid(end.port), signal.SIGKILL)
    await world.until(lambda: world.segment("t").state == READY and world.segment("t").restarts == 1)
    again = world.segment("t").endpoints[0]
    assert (again.port, again.pid) == (end.port, end.pid)
    assert await _healthy(again.port)

    client = InferenceServerClient(f"127.0.0.1:{world.segment('whole').endpoints[0].port}")
    x = np.arange(FEATURES, dtype=np.float32)[None]
    answer = await client.infer("double", [InferInput("x", x.shape, "FP32").set_data_from_numpy(x)])
    assert np.array_equal(answer.as_numpy("y"), 2 * x + 1)
    await client.close()
