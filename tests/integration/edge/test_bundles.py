"""Bundles on a device: tried before they run, gone back from, and there without any network."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from tests.fakes.edge_controller import FakeController
from tests.fakes.edge_model import Cut, cut, frames
from tests.fakes.edge_run import answered, feed, lines, running, scores, settings
from tests.fakes.edge_tail import until


async def test_a_bundle_that_disagrees_does_not_run(tmp_path: Path, small: Cut) -> None:
    """A model that names other classes is refused on real frames; the old one goes on and the agent says why."""
    controller = await FakeController().start()
    controller.assign(small.content, "")
    stranger = _stranger(small)
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}", mode="local", canary_agreement=0.5)
    inputs = frames(12)
    async with running(flags):
        feed(tmp_path, inputs[:6])
        await answered(tmp_path, 6)
        controller.assign(stranger.content, "")
        await asyncio.sleep(1.0)
        feed(tmp_path, inputs[6:], first=6)
        found = await answered(tmp_path, 12)
    await controller.stop()
    assert {line["bundle"] for line in found} == {small.bundle.digest}
    async with running(settings(tmp_path, controller="127.0.0.1:1", mode="local", results=str(tmp_path / "again"))):
        await until(lambda: (tmp_path / "again").exists() and (tmp_path / "again").read_text().count("\n") == 12, 20)
    assert stranger.bundle.digest not in (tmp_path / "again").read_text(), "nor after a restart without a network"


def _stranger(small: Cut) -> Cut:
    """A model that never names the class that `small` names for our frames."""
    inputs = frames(6)[2:]  # the last four are tried
    ours = [int(np.argmax(small.expected(value))) for value in inputs]
    for seed in range(1, 50):
        other = cut(seed=seed)
        theirs = [int(np.argmax(other.expected(value))) for value in inputs]
        if not any(a == b for a, b in zip(ours, theirs, strict=True)):
            return other
    raise AssertionError("no seed gives other classes")


async def test_a_damaged_file_leaves_the_last_good_bundle(tmp_path: Path, small: Cut) -> None:
    """--bundle names a file that is cut short: what ran before runs on."""
    flags = settings(tmp_path, small)
    (bundle,) = flags.bundle
    async with running(flags):
        feed(tmp_path, frames(1))
        await answered(tmp_path, 1)
    bundle.write_bytes(small.content[:-100])
    async with running(flags):
        feed(tmp_path, frames(2), first=1)
        found = await answered(tmp_path, 3)
    np.testing.assert_allclose(scores(found[-1]), small.expected(frames(2)[1]), rtol=1e-5)


async def test_a_stored_bundle_that_was_damaged_is_fetched_again(tmp_path: Path, small: Cut) -> None:
    """Bits that flip on the device's disk are seen by the digest."""
    controller = await FakeController().start()
    controller.assign(small.content, "")
    flags = settings(tmp_path, controller=f"127.0.0.1:{controller.port}", mode="local")
    async with running(flags):
        feed(tmp_path, frames(1))
        await answered(tmp_path, 1)
    (stored,) = (tmp_path / "state" / "bundles").glob("*.bundle")
    stored.write_bytes(small.content[:500] + b"\0" + small.content[501:])
    async with running(flags):
        feed(tmp_path, frames(1), first=1)
        await answered(tmp_path, 3)
    await controller.stop()
    assert stored.read_bytes() == small.content
    assert len(lines(tmp_path)) == 3
