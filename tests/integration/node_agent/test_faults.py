"""The real agent on a simulated host where things go wrong: bad models, lost GPUs, taken ports, stray processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from node_agent.ports_pool import PortPool
from simulator import host
from tests.integration.node_agent.conftest import FAILED, READY, World, infer

pytestmark = pytest.mark.timeout(120)


def unloadable(path: Path) -> bytes:
    """An ONNX model that reads well and that no runtime can run: its one operator does not exist."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 8]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Nonesuch", ["x"], ["y"])], "bad", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path.read_bytes()


def lives(pid: int) -> bool:
    """Whether it runs; one that has ended may wait for its parent to notice."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_bad_models_fail_alone(world: World) -> None:
    """A file that is no model, a model that cannot be loaded, a digest that there is not: each fails with its reason,
    without spinning, and the neighbour serves; once they are not wanted, nothing of them is left."""
    rubbish = world.serve(b"no model at all" * 100)
    broken = world.serve(unloadable(world.folder / "bad.onnx"))
    nowhere = f"sha256:{'0' * 64}"
    world.controller.want(
        world.spec("good", 0),
        world.spec("rubbish", 1, digest=rubbish),
        world.spec("broken", 2, digest=broken),
        world.spec("nowhere", 3, digest=nowhere),
    )
    await world.until(lambda: world.segment("good").state == READY)
    await world.until(lambda: "cannot be served" in world.segment("rubbish").message)
    await world.until(lambda: nowhere in world.segment("nowhere").message)
    await world.until(lambda: "in a row" in world.segment("broken").message)
    states = [world.segment(id_).state for id_ in ("rubbish", "nowhere", "broken")]
    assert states == [FAILED, FAILED, FAILED]
    assert world.segment("broken").restarts < 6
    await infer(world.segment("good").endpoints[0].port)
    world.controller.want(world.spec("good", 0))
    await world.until(lambda: world.ready("good") and len(world.instances()) == 1)


async def test_lost_gpu(world: World) -> None:
    """What ran on a lost GPU counts as failed and is fenced when it is not wanted there any more; the other GPU serves
    on; when the GPU is back its instance goes, too (XID 79)."""
    world.controller.want(world.spec("a", 0), world.spec("b", 0, gpu=1))
    first = await world.until(lambda: world.ready("a", "b"))
    host.inject(world.folder / "gpu", 0, "gpu-lost")
    await world.until(lambda: world.segment("a").state == FAILED and not world.segment("a").endpoints[0].ready)
    assert "GPU 0" in world.condition("GpuUnhealthy")
    assert [gpu.healthy for gpu in world.controller.report.gpus] == [False, True]
    world.controller.want(world.spec("b", 0, gpu=1), world.spec("c", 2, gpu=1))
    await world.until(lambda: world.segment("c").state == READY)
    await world.until(lambda: not lives(first["a"].endpoints[0].pid))
    assert world.segment("b").endpoints == first["b"].endpoints
    assert len(world.instances()) == 3
    host.inject(world.folder / "gpu", 0, "gpu-back")
    await world.until(lambda: world.ready("b", "c") and len(world.instances()) == 2)
    assert [gpu.healthy for gpu in world.controller.report.gpus] == [True, True]


async def test_after_a_crash_with_ports_taken_and_strays(world: World) -> None:
    """A restarted agent gives a process whose port somebody took another one, ends a process that was started but never
    written down, and a second agent on the same state is refused."""
    world.controller.want(world.spec("a", 0))
    first = await world.until(lambda: world.ready("a"))
    await world.end(signal.SIGKILL)
    os.kill(first["a"].endpoints[0].pid, signal.SIGKILL)
    await world.until(lambda: PortPool("127.0.0.1", 1024, 65535).free(first["a"].endpoints[0].port))
    mark = {**os.environ, "CUDA_MPS_PIPE_DIRECTORY": str(world.folder / "agent/segments/a/mps")}
    stray = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)", env=mark)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", first["a"].endpoints[0].port))
        taken.listen()
        await world.start()
        second = await world.until(lambda: (f := world.ready("a")) and f["a"].restarts == 1 and f)
    assert second["a"].endpoints[0].port != first["a"].endpoints[0].port
    await infer(second["a"].endpoints[0].port)
    assert await asyncio.wait_for(stray.wait(), 10) == -signal.SIGKILL
    running = world.agent
    await world.start()
    assert world.agent is not None
    assert await asyncio.wait_for(world.agent.wait(), 20) == 2
    assert "another node agent" in (world.folder / "agent.log").read_text()
    world.agent = running


async def test_stops(world: World) -> None:
    """SIGTERM leaves what runs running; with --teardown-on-exit it takes everything away, at once in use or not."""
    world.controller.want(world.spec("a", 0, processes=2), world.spec("b", 0, gpu=1))
    first = await world.until(lambda: world.ready("a", "b"))
    await world.end(signal.SIGTERM)
    await infer(first["a"].endpoints[1].port)
    await world.start("--teardown-on-exit")
    await world.until(lambda: len(world.controller.hellos) == 2)
    count = len(world.controller.reports)
    await world.until(lambda: len(world.controller.reports) > count)
    host.inject(world.folder / "gpu", 0, "gi-in-use=2")
    await world.end(signal.SIGTERM)
    assert world.left() == []
    assert world.instances() == []
    assert not list((world.folder / "agent/segments").iterdir())
