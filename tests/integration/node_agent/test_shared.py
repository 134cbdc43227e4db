"""Shared segments: the models of several workloads on one Triton, executions one at a time."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import psutil
import pytest
from google.protobuf import text_format
from tritonclient.grpc import InferInput, model_config_pb2
from tritonclient.grpc.aio import InferenceServerClient

from protos.sliceplane.node.v1 import node_pb2
from tests.contract.simulator.models import lookup
from tests.integration.node_agent.conftest import FAILED, READY, World, infer
from tests.integration.node_agent.test_faults import lives, unloadable
from tests.onnx_files import identity

pytestmark = pytest.mark.timeout(120)


def _shared(world: World, id_: str, start: int, digests: dict[str, str]) -> node_pb2.SegmentSpec:
    """A segment that these workloads share, the first with the tightest SLO."""
    spec = world.spec(id_, start, gpcs=2)
    spec.workload, spec.model_digest, spec.max_queue_delay_us = "light", "", 0
    for rank, (workload, digest) in enumerate(digests.items()):
        spec.tenants.add(workload=workload, model_digest=digest, batch=2 << rank, priority=64**rank)
    return spec


def _three(world: World) -> dict[str, str]:
    """Three models by workload: twice and one more, the same again, a row of a table."""
    small = {"same": identity(("n", 3)), "lookup": lookup().SerializeToString()}
    return {"double": world.digest, **{name: world.serve(content) for name, content in small.items()}}


async def _answer(port: int, model: str, name: str, value: Any, kind: str) -> Any:
    """The first output."""
    client = InferenceServerClient(f"127.0.0.1:{port}")
    answer = await client.infer(model, [InferInput(name, value.shape, kind).set_data_from_numpy(value)])
    await client.close()
    return answer.as_numpy(answer.get_response().outputs[0].name)


async def _all_answer(port: int) -> None:
    """Each model under its workload's name."""
    await infer(port)
    x = np.array([[1, 2, 3]], np.float32)
    assert np.array_equal(await _answer(port, "same", "x", x, "FP32"), x)
    row = await _answer(port, "lookup", "i", np.array([[3]], np.int64), "INT64")
    assert row.tolist() == [[[6.0, 7.0]]]


def _limiter(world: World, id_: str, model: str) -> tuple[int, list[tuple[str, int]]]:
    """Priority and resources of that model."""
    text = (world.folder / "agent/segments" / id_ / "repository" / model / "config.pbtxt").read_text()
    limiter = text_format.Parse(text, model_config_pb2.ModelConfig()).instance_group[0].rate_limiter
    return limiter.priority, [(resource.name, resource.count) for resource in limiter.resources]


async def test_life_of_a_shared_segment(world: World) -> None:
    """Three models answer at its one endpoint, limited as planned, beside a segment of one of them alone; a killed
    Triton comes back with all three, a killed agent adopts it; once it is not wanted nothing of it is left."""
    digests = _three(world)
    world.controller.want(shared := _shared(world, "s", 0, digests), world.spec("a", 4))
    first = await world.until(lambda: world.ready("s", "a"))
    (end,) = first["s"].endpoints
    await _all_answer(end.port)
    flags = psutil.Process(end.pid).cmdline()
    assert {"--rate-limit=execution_count", "--rate-limit-resource=segment:1"} <= set(flags)
    assert not any("rate-limit" in flag for flag in psutil.Process(first["a"].endpoints[0].pid).cmdline())
    assert [_limiter(world, "s", model) for model in digests] == [(64**rank, [("segment", 1)]) for rank in range(3)]

    os.kill(end.pid, signal.SIGKILL)
    mended = await world.until(lambda: (f := world.ready("s", "a")) and f["s"].restarts == 1 and f)
    await _all_answer(mended["s"].endpoints[0].port)

    await world.end(signal.SIGKILL)
    await _all_answer(mended["s"].endpoints[0].port)
    await world.start()
    await world.until(lambda: len(world.controller.hellos) == 2)
    count = len(world.controller.reports)
    await world.until(lambda: len(world.controller.reports) > count)
    assert {s.id: s.state for s in world.controller.reports[count].segments} == {"s": READY, "a": READY}
    adopted = await world.until(lambda: world.ready("s", "a"))
    assert adopted == mended

    fewer = _shared(world, "t", 2, dict(list(digests.items())[:2]))
    world.controller.want(shared, fewer)  # other tenants: another segment, as a segment's never change
    await world.until(lambda: world.ready("s", "t"))
    world.controller.want(fewer)
    await world.until(lambda: world.ready("t"))
    assert not lives(adopted["s"].endpoints[0].pid)
    assert not (world.folder / "agent/segments/s").exists()
    assert len(world.instances()) == 1


async def test_a_bad_tenant_is_named(world: World) -> None:
    """Whichever way one tenant's model is bad the segment fails, and its message says whose model and why."""
    good = _three(world)
    rubbish = world.serve(b"no model at all" * 100)
    broken = world.serve(unloadable(world.folder / "bad.onnx"))
    nowhere = f"sha256:{'0' * 64}"
    bad = {"rubbish": rubbish, "broken": broken, "nowhere": nowhere}
    wanted = [_shared(world, id_, 2 * n, {**good, "bad": digest}) for n, (id_, digest) in enumerate(bad.items())]
    world.controller.want(*wanted)
    await world.until(lambda: 'tenant "bad": model_digest: the model cannot be' in world.segment("rubbish").message)
    await world.until(lambda: 'tenant "bad": cannot download' in world.segment("nowhere").message)
    await world.until(lambda: 'in a row: model "bad": ' in world.segment("broken").message)
    assert "Nonesuch" in world.segment("broken").message
    assert [world.segment(id_).state for id_ in bad] == [FAILED] * 3
