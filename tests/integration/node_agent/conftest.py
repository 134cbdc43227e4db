"""A fake controller, a simulated host, and the real agent as a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.type.v1 import type_pb2
from simulator import host
from tests.e2e.conftest import FEATURES, times_plus_one
from tests.fakes.node_controller import NodeController

READY = type_pb2.SEGMENT_STATE_READY
FAILED = type_pb2.SEGMENT_STATE_FAILED

BY_HAND = """
nvmlInit()
gpu = nvmlDeviceGetHandleByIndex(0)
profile = nvmlDeviceGetGpuInstanceProfileInfo
create = nvmlDeviceCreateGpuInstanceWithPlacement
"""


@dataclass
class World:
    """A fake controller, a simulated host of two GPUs, and the agent's process."""

    controller: NodeController
    port: int
    folder: Path
    digest: str
    agent: asyncio.subprocess.Process | None = None

    async def start(self, *extra: str) -> None:
        """Starts the agent."""
        program = Path(sys.executable).with_name("sliceplane-node-agent")
        state = self.folder / "agent"
        flags = [f"--controller=127.0.0.1:{self.port}", "--node=host-a", f"--state-dir={state}", *extra]
        env = {**os.environ, **host.environment(self.folder / "gpu")}
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = await asyncio.create_subprocess_exec(str(program), *flags, env=env, stderr=log)

    async def end(self, number: int) -> None:
        """Ends the agent by a signal."""
        assert self.agent is not None
        self.agent.send_signal(number)
        await asyncio.wait_for(self.agent.wait(), 40)

    async def until(self, condition: Callable[[], Any], timeout_s: float = 40) -> Any:
        """Polls until `condition` is truthy; its value."""
        for _ in range(int(timeout_s / 0.05)):
            if value := condition():
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.controller.report}\n{(self.folder / 'agent.log').read_text()[-3000:]}")

    def spec(
        self, id_: str, start: int, gpcs: int = 1, processes: int = 1, gpu: int = 0, digest: str = ""
    ) -> node_pb2.SegmentSpec:
        """A segment of the small model on one of the host's GPUs."""
        return node_pb2.SegmentSpec(
            id=id_,
            gpu_uuid=self.controller.report.gpus[gpu].uuid,
            start=start,
            gpcs=gpcs,
            memory_slices={1: 1, 2: 2, 3: 4}[gpcs],
            workload="double",
            model_digest=digest or self.digest,
            serve=type_pb2.SERVE_KIND_WHOLE,
            batch=4,
            processes=processes,
            max_queue_delay_us=1000,
        )

    def ready(self, *ids: str) -> dict[str, node_pb2.SegmentStatus] | None:
        """The segments by id, if these and no others exist and are ready."""
        found = {s.id: s for s in self.controller.report.segments}
        return found if set(found) == set(ids) and all(s.state == READY for s in found.values()) else None

    def segment(self, id_: str) -> node_pb2.SegmentStatus:
        """The segment in the last report, or an empty one."""
        return next((s for s in self.controller.report.segments if s.id == id_), node_pb2.SegmentStatus())

    def condition(self, kind: str) -> str:
        """The message of that condition in the last report, or nothing."""
        return next((c.message for c in self.controller.report.conditions if c.type == kind), "")

    def left(self) -> list[int]:
        """Living processes of any segment of this host."""
        mine = f"{self.folder}{os.sep}"
        return [p.pid for p in psutil.process_iter() if _environment(p).startswith(mine)]

    def serve(self, content: bytes) -> str:
        """Adds a file to the controller's models; its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.controller.files[digest] = content
        return digest

    async def by_hand(self, statement: str) -> None:
        """What an operator does to GPU 0 beside the agent, as a statement in pynvml's words."""
        program = f"from ctypes import byref\nfrom pynvml import *\n{BY_HAND}\n{statement}"
        env = {**os.environ, **host.environment(self.folder / "gpu")}
        operator = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=env)
        assert await operator.wait() == 0

    def instances(self) -> list[str]:
        """The GPU instances in the host's state."""
        return [line for line in host.status(self.folder / "gpu").splitlines() if line.startswith("gi ")]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The world with the agent registered; everything it started is ended afterwards."""
    content = times_plus_one(tmp_path / "m.onnx").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    controller = NodeController({digest: content})
    host.create(tmp_path / "gpu", gpus=2)
    world = World(controller, await controller.start(), tmp_path, digest)
    await world.start()
    await world.until(lambda: controller.report.gpus)
    yield world
    if world.agent is None or world.agent.returncode is not None:
        await world.start()
    controller.want(epoch=9)
    await world.until(lambda: controller.reports and world.ready() == {} and not world.instances())
    await world.end(signal.SIGTERM)
    assert world.left() == []
    await controller.stop()


def _environment(process: psutil.Process) -> str:
    try:
        return str(process.environ().get("CUDA_MPS_PIPE_DIRECTORY", ""))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


async def infer(port: int) -> None:
    """One request must be answered right."""
    client = InferenceServerClient(f"127.0.0.1:{port}")
    x = np.arange(FEATURES, dtype=np.float32)[None]
    answer = await client.infer("double", [InferInput("x", x.shape, "FP32").set_data_from_numpy(x)])
    assert np.array_equal(answer.as_numpy("y"), 2 * x + 1)
    await client.close()
