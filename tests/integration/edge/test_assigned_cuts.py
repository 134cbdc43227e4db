"""Several cuts of one model that a controller assigns: all held, each tried, dropped and gone back from by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.edge_controller import FakeController
from tests.fakes.edge_model import Cut, cut, mixed
from tests.fakes.edge_run import lines, running, settings
from tests.fakes.edge_tail import TailProcess, until
from tests.integration.edge.test_cuts import flow, more, two, whole


@pytest.fixture
async def controller() -> AsyncIterator[FakeController]:
    """A controller."""
    fake = await FakeController().start()
    yield fake
    await fake.stop()


def both(controller: FakeController, cuts: tuple[Cut, Cut], tails: list[TailProcess]) -> None:
    first, second = zip((one.content for one in cuts), (tail.address for tail in tails), strict=True)
    controller.assign(*first, second)


async def test_frames_take_the_cut_that_has_a_tail(tmp_path: Path, controller: FakeController) -> None:
    """Both are fetched and held; when one tail dies frames go on by the other; over a restart without network, too."""
    cuts = early, late = cut(), cut(at="r2")
    more_flags: dict[str, Any] = {"level": "raw", "queue_dir": tmp_path / "queue"}
    async with two(tmp_path, early, late) as tails:
        both(controller, cuts, tails)
        async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}", **more_flags)):
            count = await flow(tmp_path, 0, early.bundle.digest)
            count = await more(tmp_path, count, 10)
            await until(lambda: len(controller.downloads) == 2)
            await asyncio.sleep(1.0)
            await tails[0].kill()
            count = await flow(tmp_path, count, late.bundle.digest)
        await controller.stop()
        async with running(settings(tmp_path, controller="127.0.0.1:1", **more_flags)):
            count = await more(tmp_path, count, 1)
            count = await flow(tmp_path, count, late.bundle.digest)
    whole(lines(tmp_path), count, early)
    assert len(controller.downloads) == 2


async def test_a_cut_that_is_assigned_no_more_is_dropped(tmp_path: Path, controller: FakeController) -> None:
    """Frames leave it even if it is the one in use; the one that stays was held and is not fetched again."""
    cuts = early, late = cut(), cut(at="r2")
    async with two(tmp_path, early, late) as tails:
        both(controller, cuts, tails)
        flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}", level="raw")
        async with running(flags):
            count = await flow(tmp_path, 0, early.bundle.digest)
            await until(lambda: len(controller.downloads) == 2)
            await asyncio.sleep(0.5)
            controller.assign(late.content, tails[1].address)
            count = await flow(tmp_path, count, late.bundle.digest)
            count = await more(tmp_path, count, 5)
    whole(lines(tmp_path), count, early)
    assert len(controller.downloads) == 2
    assert {line["bundle"] for line in lines(tmp_path)[-5:]} == {late.bundle.digest}


@pytest.mark.parametrize("wrong", ["tail", "model"])
async def test_a_cut_that_is_refused_leaves_the_other(tmp_path: Path, controller: FakeController, wrong: str) -> None:
    """One with the tail of another model, and one of another model, are reported; the assigned one serves."""
    early = cut()
    stranger = cut(seed=7, at="r2")
    bad = mixed(cut(at="r2"), stranger, "tail") if wrong == "tail" else stranger
    async with two(tmp_path, early) as tails:
        controller.assign(early.content, tails[0].address, (bad.content, "127.0.0.1:1"))
        async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}", level="raw")):
            count = await flow(tmp_path, 0, early.bundle.digest)
            await until(lambda: any(r.refused_bundle_digest == bad.bundle.digest for r in controller.reports))
            count = await more(tmp_path, count, 3)
    whole(lines(tmp_path), count, early)
    said = next(report.refusal for report in controller.reports if report.refusal)
    assert ("head and tail give another" if wrong == "tail" else "not cut from the model that runs") in said


async def test_a_refused_main_cut_leaves_the_one_beside(tmp_path: Path, controller: FakeController) -> None:
    """The assigned cut has a wrong tail: frames take the other one."""
    late = cut(at="r2")
    bad = mixed(cut(), cut(seed=7), "tail")
    async with two(tmp_path, late) as tails:
        controller.assign(bad.content, "127.0.0.1:1", (late.content, tails[0].address))
        async with running(settings(tmp_path, controller=f"127.0.0.1:{controller.port}", level="raw")):
            count = await flow(tmp_path, 0, late.bundle.digest)
            await until(lambda: any(r.refused_bundle_digest == bad.bundle.digest for r in controller.reports))
    whole(lines(tmp_path), count, late)
