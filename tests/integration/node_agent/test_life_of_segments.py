"""The real agent on a simulated host: segments made, served, mended, adopted and removed."""

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
from tests.e2e.conftest import FEATURES, double_plus_one
from tests.fakes.node_controller import NodeController

pytestmark = pytest.mark.timeout(120)
READY = type_pb2.SEGMENT_STATE_READY


@dataclass
class World:
    """A fake controller, a simulated host of one GPU, and the agent's process."""

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

    def spec(self, id_: str, start: int, gpcs: int = 1, processes: int = 1) -> node_pb2.SegmentSpec:
        """A segment of the small model on the host's GPU."""
        return node_pb2.SegmentSpec(
            id=id_,
            gpu_uuid=self.controller.report.gpus[0].uuid,
            start=start,
            gpcs=gpcs,
            memory_slices={1: 1, 2: 2, 3: 4}[gpcs],
            workload="double",
            model_digest=self.digest,
            serve=type_pb2.SERVE_KIND_WHOLE,
            batch=4,
            processes=processes,
            max_queue_delay_us=1000,
        )

    def ready(self, *ids: str) -> dict[str, node_pb2.SegmentStatus] | None:
        """The segments by id, if these and no others exist and are ready."""
        found = {s.id: s for s in self.controller.report.segments}
        return found if set(found) == set(ids) and all(s.state == READY for s in found.values()) else None

    def instances(self) -> list[str]:
        """The GPU instances in the host's state."""
        return [line for line in host.status(self.folder / "gpu").splitlines() if line.startswith("gi ")]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The world with the agent registered; everything it started is ended afterwards."""
    content = double_plus_one(tmp_path / "m.onnx").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    controller = NodeController({digest: content})
    host.create(tmp_path / "gpu", gpus=1)
    world = World(controller, await controller.start(), tmp_path, digest)
    await world.start()
    await world.until(lambda: controller.report.gpus)
    yield world
    if world.agent is None or world.agent.returncode is not None:
        await world.start()
    controller.want(epoch=9)
    await world.until(lambda: controller.reports and world.ready() == {} and not world.instances())
    await world.end(signal.SIGTERM)
    await controller.stop()


async def infer(port: int) -> None:
    """One request must be answered right."""
    client = InferenceServerClient(f"127.0.0.1:{port}")
    x = np.arange(FEATURES, dtype=np.float32)[None]
    answer = await client.infer("double", [InferInput("x", x.shape, "FP32").set_data_from_numpy(x)])
    assert np.array_equal(answer.as_numpy("y"), 2 * x + 1)
    await client.close()


def _pids(status: node_pb2.SegmentStatus) -> set[int]:
    return {endpoint.pid for endpoint in status.endpoints}


async def test_life_of_segments(world: World) -> None:
    """Two segments are made and answer; a killed Triton and a killed MPS daemon are replaced, the neighbour never
    touched; a killed agent adopts what runs; what is no longer wanted leaves nothing behind."""
    controller = world.controller
    controller.want(world.spec("a", 0, gpcs=2, processes=2), world.spec("b", 4))
    first = await world.until(lambda: world.ready("a", "b"))
    assert controller.report.generation == controller.desired.generation
    for status in first.values():
        for endpoint in status.endpoints:
            await infer(endpoint.port)

    os.kill(first["a"].endpoints[0].pid, signal.SIGKILL)
    mended = await world.until(lambda: (f := world.ready("a", "b")) and f["a"].restarts == 1 and f)
    assert mended["b"].endpoints == first["b"].endpoints
    assert mended["a"].endpoints[1] == first["a"].endpoints[1]
    await infer(mended["a"].endpoints[0].port)

    await world.end(signal.SIGKILL)
    await infer(mended["b"].endpoints[0].port)
    await world.start()
    await world.until(lambda: len(controller.hellos) == 2)
    count = len(controller.reports)
    adopted = await world.until(lambda: len(controller.reports) > count and world.ready("a", "b"))
    assert [e.pid for s in "ab" for e in adopted[s].endpoints] == [e.pid for s in "ab" for e in mended[s].endpoints]

    daemon = int((world.folder / "agent/segments/a/mps/nvidia-cuda-mps-control.pid").read_text())
    os.kill(daemon, signal.SIGKILL)
    old = _pids(adopted["a"])
    fresh = await world.until(
        lambda: (f := world.ready("a", "b")) and not old & {e.pid for e in f["a"].endpoints} and f
    )
    assert fresh["b"].endpoints == adopted["b"].endpoints

    controller.want(world.spec("b", 4))
    await world.until(lambda: world.ready("b"))
    assert not any(psutil.pid_exists(e.pid) for e in fresh["a"].endpoints)
    assert len(world.instances()) == 1
    assert not (world.folder / "agent/segments/a").exists()
    await infer(fresh["b"].endpoints[0].port)


async def test_crash_between_instance_and_compute(world: World) -> None:
    """A GPU instance whose compute instance failed while the agent crashed is found and used, not leaked."""
    host.inject(world.folder / "gpu", 0, "ci-fail=1")
    world.controller.want(world.spec("a", 4, gpcs=3))
    await world.until(lambda: any(s.message for s in world.controller.report.segments))
    await world.end(signal.SIGKILL)
    assert len(world.instances()) == 1
    await world.start()
    await world.until(lambda: world.ready("a"))
    assert len(world.instances()) == 1


async def test_older_epoch_is_refused_and_foreign_instances_are_left(world: World) -> None:
    """A desired state of an older epoch changes nothing; an instance made by hand is reported and left alone."""
    with (world.folder / "gpu" / "host.state").open("a") as state:
        state.write("gi gpu=0 id=9 profile=14 start=2 slices=2\n")
    await world.until(lambda: any(c.type == "Drift" for c in world.controller.report.conditions))
    world.controller.want(world.spec("a", 0), world.spec("b", 2), epoch=5)
    await world.until(lambda: {s.id: s.state for s in world.controller.report.segments}.get("a") == READY)
    blocked = {s.id: s for s in world.controller.report.segments}["b"]
    assert "not ours" in blocked.message
    world.controller.want(epoch=4)
    await asyncio.sleep(1.5)
    assert {s.id for s in world.controller.report.segments} == {"a", "b"}
    assert len(world.instances()) == 2
    lines = [x for x in host.status(world.folder / "gpu").splitlines() if "id=9 profile=14" not in x]
    (world.folder / "gpu" / "host.state").write_text("\n".join(lines) + "\n")
