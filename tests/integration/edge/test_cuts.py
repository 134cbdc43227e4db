"""One model cut in two places, each with a real tail: frames take the faster cut, and none is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.main import serve
from tests.fakes.edge_model import Cut, cut, frames
from tests.fakes.edge_run import answered, feed, lines, running, scores, settings, written
from tests.fakes.edge_tail import MODEL, TailProcess
from tests.fakes.edge_triton import FakeTriton

INPUTS = frames(8)


@asynccontextmanager
async def two(folder: Path, *cuts: Cut) -> AsyncIterator[list[TailProcess]]:
    """A tail and its Triton for each cut."""
    tails, tritons = [], []
    try:
        for number, one in enumerate(cuts):
            home = folder / f"tail-{number}"
            home.mkdir()
            tritons.append(await FakeTriton(MODEL, one.bundle.tail_bytes()).start())
            tails.append(await TailProcess(home, one, tritons[-1]).start())
        yield tails
    finally:
        for tail in tails:
            await tail.kill()
        for triton in tritons:
            await triton.stop()


async def more(folder: Path, first: int, count: int) -> int:
    """Feeds so many frames at once and waits for their results; how many there were."""
    feed(folder, [INPUTS[n % len(INPUTS)] for n in range(first, first + count)], first=first)
    await answered(folder, first + count)
    return first + count


async def flow(folder: Path, first: int, until_bundle: str, most: int = 300) -> int:
    """Feeds frames, twenty a second, until one was answered by the split of that bundle; how many there were."""
    for count in range(first, first + most):
        feed(folder, [INPUTS[count % len(INPUTS)]], first=count)
        await asyncio.sleep(0.05)
        found = lines(folder)
        if found and (found[-1]["bundle"], found[-1]["answered_by"]) == (until_bundle, "split"):
            return count + 1
    raise AssertionError(f"no frame took {until_bundle} among {most}: {[line['bundle'][7:11] for line in found]}")


def whole(found: list[dict[str, Any]], count: int, one: Cut) -> None:
    """Each frame has one result, in order, in time and right."""
    assert [line["frame"] for line in found] == [f"{n:05}.npy" for n in range(count)]
    assert not any(line["late"] or line["error"] for line in found)
    for number, line in enumerate(found):
        np.testing.assert_allclose(scores(line), one.expected(INPUTS[number % len(INPUTS)]), rtol=1e-5)


@pytest.mark.parametrize("window", [1, 4])
async def test_frames_move_to_the_faster_cut(tmp_path: Path, window: int) -> None:
    """A tail that becomes slow: after a while, and once, frames take the other cut; none is lost or out of order."""
    early, late = cut(), cut(at="r2")
    async with two(tmp_path, early, late) as tails:
        flags = settings(
            tmp_path, bundle=written(tmp_path, early, late), tail=tuple(tail.address for tail in tails),
            level="raw", deadline_ms=5000, window=window,
        )  # fmt: skip
        async with running(flags):
            count = await flow(tmp_path, 0, early.bundle.digest)
            count = await more(tmp_path, count, 10)
            tails[0].triton.delay_s = 0.2
            count = await flow(tmp_path, count, late.bundle.digest)
            count = await more(tmp_path, count, 10)
    found = lines(tmp_path)
    whole(found, count, early)
    used = [line["bundle"] for line in found if line["answered_by"] == "split"]
    assert used == sorted(used, key=[early.bundle.digest, late.bundle.digest].index)


async def test_a_cut_whose_tail_dies_is_left(tmp_path: Path) -> None:
    """Frames are answered meanwhile, locally, and go on by the cut that still has a tail."""
    early, late = cut(), cut(at="r2")
    async with two(tmp_path, early, late) as tails:
        flags = settings(
            tmp_path, bundle=written(tmp_path, early, late), tail=tuple(tail.address for tail in tails), level="raw"
        )
        async with running(flags):
            count = await flow(tmp_path, 0, early.bundle.digest)
            count = await more(tmp_path, count, 20)
            await asyncio.sleep(0.5)  # the other cut is looked at
            await tails[0].kill()
            count = await flow(tmp_path, count, late.bundle.digest)
            await answered(tmp_path, count)
    whole(lines(tmp_path), count, early)


async def test_a_bundle_of_another_model_is_left_out(tmp_path: Path) -> None:
    """It says so in the log, and the agent runs on the first one."""
    first, other = cut(), cut(seed=7, at="r2")
    flags = settings(tmp_path, bundle=written(tmp_path, first, other), mode="local")
    async with running(flags):
        await more(tmp_path, 0, 2)
    found = lines(tmp_path)
    whole(found, 2, first)
    assert {line["bundle"] for line in found} == {first.bundle.digest}


async def test_short_runs_are_no_bad_starts(tmp_path: Path) -> None:
    """An agent that answers its files and ends, again and again, keeps all its cuts."""
    first, other = cut(), cut(at="r2")
    for count in range(1, 6):
        flags = settings(tmp_path, bundle=written(tmp_path, first, other), once=True, resume=True)
        feed(tmp_path, INPUTS[:1], first=count - 1)
        await asyncio.wait_for(serve(flags, asyncio.Event()), 20)
    assert len(lines(tmp_path)) == 5
    assert '"refused": []' in (tmp_path / "state" / "bundles" / "slots.json").read_text()
