"""The real agent on a simulated host: segments made, served, mended, adopted and removed."""

from __future__ import annotations

import asyncio
import os
import re
import signal

import psutil
import pytest

from protos.sliceplane.node.v1 import node_pb2
from simulator import host
from tests.integration.node_agent.conftest import READY, World, infer

pytestmark = pytest.mark.timeout(120)


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
    await world.until(lambda: len(controller.reports) > count)
    first_word = node_pb2.Observed.FromString(controller.reports[count].SerializeToString())
    assert {s.id: s.state for s in first_word.segments} == {
        "a": READY,
        "b": READY,
    }  # no blip: clients are not sent away
    adopted = await world.until(lambda: world.ready("a", "b"))
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
    await world.by_hand("create(gpu, profile(gpu, 1).id, byref(c_nvmlGpuInstancePlacement_t(2, 2)))")
    await world.until(lambda: any(c.type == "Drift" for c in world.controller.report.conditions))
    world.controller.want(world.spec("a", 0), world.spec("b", 2), epoch=5)
    await world.until(lambda: {s.id: s.state for s in world.controller.report.segments}.get("a") == READY)
    blocked = {s.id: s for s in world.controller.report.segments}["b"]
    assert "not ours" in blocked.message
    world.controller.want(epoch=4)
    await asyncio.sleep(1.5)
    assert {s.id for s in world.controller.report.segments} == {"a", "b"}
    assert len(world.instances()) == 2
    world.controller.want(epoch=6)
    await world.until(lambda: world.ready() == {} and len(world.instances()) == 1)
    (theirs,) = re.findall(r"\bid=(\d+)", "".join(world.instances()))
    await world.by_hand(f"nvmlGpuInstanceDestroy(nvmlDeviceGetGpuInstanceById(gpu, {theirs}))")
    await world.until(lambda: not world.condition("Drift"))
