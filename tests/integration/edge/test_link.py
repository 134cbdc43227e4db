"""The edge agent and its controller: assignments, changes of bundle, being offline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.edge_controller import FakeController
from tests.fakes.edge_model import Cut, cut, frames
from tests.fakes.edge_run import answered, feed, lines, running, scores, settings
from tests.fakes.edge_tail import MODEL, TailProcess, until
from tests.fakes.edge_triton import FakeTriton


@pytest.fixture
async def controller() -> AsyncIterator[FakeController]:
    """A controller that has assigned nothing yet."""
    fake = await FakeController().start()
    yield fake
    await fake.stop()


async def test_follows_its_assignment_and_reports(
    tmp_path: Path, controller: FakeController, tail: TailProcess, small: Cut
) -> None:
    """The agent says who it is, fetches the assigned bundle, answers by the split, and reports what it did."""
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}", level="raw")
    async with running(flags):
        feed(tmp_path, frames(3))
        await until(lambda: bool(controller.hellos))
        assert lines(tmp_path) == []  # without any model frames wait
        controller.assign(small.content, tail.address)
        await answered(tmp_path, 3)
        await asyncio.sleep(0.2)
        feed(tmp_path, frames(3), first=3)
        found = await answered(tmp_path, 6)
        await until(lambda: any(report.frames_split >= 3 for report in controller.reports))
    hello, report = controller.hellos[0], controller.reports[-1]
    assert (hello.device, hello.workload) == ("gateway", "net")
    assert found[-1]["answered_by"] == "split"
    assert report.frames_split + report.frames_local == 6
    assert (report.bundle_digest, report.level) == (small.bundle.digest, "raw")
    assert report.bytes_sent >= 3 * 4 * 8 * 16 * 16
    assert report.latency_p95_ms >= report.latency_p50_ms > 0


async def test_new_bundle_takes_over_without_a_gap(
    tmp_path: Path, controller: FakeController, tail: TailProcess, small: Cut
) -> None:
    """A newly assigned bundle is fetched and takes over; every frame is answered by one of the two, rightly."""
    other = cut(seed=3)
    (tmp_path / "other").mkdir()
    second = await FakeTriton(MODEL, other.bundle.tail_bytes()).start()
    other_tail = await TailProcess(tmp_path / "other", other, second).start()
    controller.assign(small.content, tail.address)
    inputs = frames(60)
    try:
        async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}")):
            feed(tmp_path, inputs[:20])
            await answered(tmp_path, 20)
            controller.assign(other.content, other_tail.address)
            for number in range(20, 60):
                feed(tmp_path, [inputs[number]], first=number)
                await asyncio.sleep(0.02)
            found = await answered(tmp_path, 60)
    finally:
        await other_tail.kill()
        await second.stop()
    models = {small.bundle.digest: small, other.bundle.digest: other}
    assert [line["frame"] for line in found] == [f"{n:05}.npy" for n in range(60)]
    for line, x in zip(found, inputs, strict=True):
        assert not line["error"]
        np.testing.assert_allclose(scores(line), models[line["bundle"]].expected(x), rtol=1e-5)
    assert (found[-1]["bundle"], found[-1]["answered_by"]) == (other.bundle.digest, "split")


async def test_controller_lost_and_started_offline(
    tmp_path: Path, controller: FakeController, tail: TailProcess, small: Cut
) -> None:
    """Without its controller the agent goes on; started without it, it runs its last bundle with its last tail."""
    controller.assign(small.content, tail.address)
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}")
    async with running(flags):
        await until(lambda: (tmp_path / "state" / "assignment.json").exists())
        await controller.stop()
        feed(tmp_path, frames(3))
        await answered(tmp_path, 3)
    async with running(replace(flags, resume=True)):
        feed(tmp_path, frames(3), first=3)
        await answered(tmp_path, 6)
        await asyncio.sleep(0.3)
        feed(tmp_path, frames(1), first=6)
        found = await answered(tmp_path, 7)
        assert found[-1]["answered_by"] == "split"
        await controller.start()
        await until(lambda: len(controller.hellos) == 2)
    assert len(controller.downloads) == 1


async def test_withdrawn_workload_goes_local(
    tmp_path: Path, controller: FakeController, tail: TailProcess, small: Cut
) -> None:
    """When the workload is gone frames are answered locally, and by the split when it comes again."""
    controller.assign(small.content, tail.address)
    async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}")):
        feed(tmp_path, frames(1))
        await answered(tmp_path, 1)
        controller.withdraw()
        await asyncio.sleep(0.2)
        feed(tmp_path, frames(1), first=1)
        local = (await answered(tmp_path, 2))[-1]
        controller.assign(small.content, tail.address)
        await asyncio.sleep(0.5)
        feed(tmp_path, frames(1), first=2)
        split = (await answered(tmp_path, 3))[-1]
    assert (local["answered_by"], local["fallback_reason"]) == ("local", "NO_ASSIGNMENT")
    assert split["answered_by"] == "split"


async def test_bad_bundle_is_not_run(tmp_path: Path, controller: FakeController, tail: TailProcess, small: Cut) -> None:
    """A bundle that cannot be read leaves the last one running."""
    controller.assign(small.content, tail.address)
    async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}")):
        feed(tmp_path, frames(1))
        await answered(tmp_path, 1)
        controller.assign(b"this is no bundle", tail.address)
        await until(lambda: len(controller.downloads) >= 2)
        await asyncio.sleep(0.2)
        feed(tmp_path, frames(1), first=1)
        found = await answered(tmp_path, 2)
    assert (found[-1]["bundle"], found[-1]["error"]) == (small.bundle.digest, None)
