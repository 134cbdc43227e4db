"""Bundles that a device refuses at its first start or before it has seen a frame: why, who hears it, what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from grpc import aio

from common.errors import FailedPrecondition
from edge_agent import wire
from edge_agent.main import serve
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc
from tests.fakes.edge_controller import FakeController
from tests.fakes.edge_model import Cut, cut, frames, mixed
from tests.fakes.edge_run import address, answered, feed, running, scores, settings, written
from tests.fakes.edge_tail import until


@pytest.fixture
async def controller() -> AsyncIterator[FakeController]:
    """A controller."""
    fake = await FakeController().start()
    yield fake
    await fake.stop()


@pytest.mark.parametrize("layer", ["none", "pool"])
async def test_a_tail_of_another_model(tmp_path: Path, controller: FakeController, layer: str) -> None:
    """At the first start: refused and reported; the whole model runs here, after a restart without network too."""
    ours = cut(layer=layer)
    bad = mixed(ours, cut(seed=5, layer=layer), "tail")
    controller.assign(bad.content, "127.0.0.1:1")
    inputs = frames(3)
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}")
    async with running(flags):
        feed(tmp_path, inputs[:2])
        await answered(tmp_path, 2)
        await until(lambda: any(report.refusal for report in controller.reports))
    report = controller.reports[-1]
    assert report.refused_bundle_digest == bad.bundle.digest
    assert 'head and tail give another "scores"' in report.refusal
    await controller.stop()
    async with running(settings(tmp_path, controller="127.0.0.1:1", resume=True)):
        feed(tmp_path, inputs[2:], first=2)
        found = await answered(tmp_path, 3)
    for line, x in zip(found, inputs, strict=True):
        assert (line["answered_by"], line["fallback_reason"]) == ("local", "CUT_REFUSED")
        np.testing.assert_allclose(scores(line), ours.expected(x), rtol=1e-5)


async def test_another_whole_model(tmp_path: Path, controller: FakeController, small: Cut) -> None:
    """It gives something else than where it was made: nothing runs, callers hear why; the next bundle puts it right."""
    bad = mixed(small, cut(seed=5), "canary")
    controller.assign(bad.content, "")
    listen = address()
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}", listen=listen)
    async with running(flags), aio.insecure_channel(listen) as channel:
        await until(lambda: any(report.refusal for report in controller.reports))
        call = edge_pb2_grpc.EdgeServiceStub(channel).Infer
        with pytest.raises(aio.AioRpcError, match=r"this agent has no model yet.*than where the bundle was made"):
            await call(edge_pb2.InferRequest(inputs=wire.messages({"x": frames(1)[0]})))
        controller.assign(small.content, "")
        feed(tmp_path, frames(1))
        (line,) = await answered(tmp_path, 1)
        controller.reports.clear()
        await until(lambda: bool(controller.reports))
        assert controller.reports[-1].refusal == ""
    assert line["bundle"] == small.bundle.digest


async def test_an_update_before_the_first_frame(tmp_path: Path, controller: FakeController, small: Cut) -> None:
    """No frame was seen since the start: the new bundle's own sample refuses it, the old one goes on."""
    controller.assign(small.content, "")
    bad = mixed(cut(seed=3), cut(seed=5), "tail")
    async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}", mode="local")):
        await until(lambda: any(r.bundle_digest == small.bundle.digest for r in controller.reports))
        controller.assign(bad.content, "")
        await until(lambda: any(r.refused_bundle_digest == bad.bundle.digest for r in controller.reports))
        feed(tmp_path, frames(1))
        (line,) = await answered(tmp_path, 1)
    assert line["bundle"] == small.bundle.digest


async def test_a_file_that_nothing_of_can_run(tmp_path: Path, small: Cut) -> None:
    """--bundle at the first start: the agent ends and says why, now and at the next start."""
    bad = mixed(small, cut(seed=5), "canary")
    flags = settings(tmp_path, bundle=written(tmp_path, bad))
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match="than where the bundle was made"):
            await serve(flags, asyncio.Event())


async def test_a_file_with_a_wrong_tail(tmp_path: Path, small: Cut) -> None:
    """--bundle at the first start: its whole model runs."""
    flags = settings(tmp_path, bundle=written(tmp_path, mixed(small, cut(seed=5), "tail")))
    for count in (1, 2):
        async with running(flags):
            feed(tmp_path, frames(1), first=count - 1)
            found = await answered(tmp_path, count)
    assert {line["fallback_reason"] for line in found} == {"CUT_REFUSED"}


async def test_a_download_that_is_another_file(tmp_path: Path, controller: FakeController, small: Cut) -> None:
    """The digest tells, the controller hears it, and it is fetched until it is right."""
    digest = small.bundle.digest
    controller.assign(small.content, "")
    controller._files[digest] = small.content[:-1] + b"x"
    async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}", mode="local")):
        await until(lambda: any(r.refused_bundle_digest == digest for r in controller.reports))
        assert "fetched anew" in controller.reports[-1].refusal
        controller._files[digest] = small.content
        feed(tmp_path, frames(1))
        await answered(tmp_path, 1, within_s=30)


async def test_bundles_without_a_sample_are_as_before(tmp_path: Path) -> None:
    """Those of older slicers run."""
    plain = cut(canary=0)
    async with running(settings(tmp_path, plain)):
        feed(tmp_path, frames(1))
        (line,) = await answered(tmp_path, 1)
    assert line["bundle"] == plain.bundle.digest
