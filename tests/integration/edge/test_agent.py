"""The edge agent in front of a real tail: split, fall back, come back; each frame answered once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.main import serve
from tests.fakes.edge_model import Cut, cut, frames
from tests.fakes.edge_run import answered, feed, lines, running, scores, settings
from tests.fakes.edge_tail import TailProcess, until
from tests.fakes.edge_triton import FakeTriton


def by(found: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(line["answered_by"], line["fallback_reason"]) for line in found]


async def test_split_answers_equal_the_whole_model(tmp_path: Path, tail: TailProcess, small: Cut) -> None:
    """With a tail there, frames are answered by the split, in the order of their names, each once and rightly."""
    inputs = frames(20)
    feed(tmp_path, inputs)
    flags = settings(
        tmp_path, small, tail=tail.address, once=True, mode="split", level="raw", outputs_dir=tmp_path / "out"
    )
    await serve(flags, asyncio.Event())
    found = lines(tmp_path)
    assert [line["frame"] for line in found] == [f"{n:05}.npy" for n in range(20)]
    assert set(by(found)) == {("split", None)}
    for line, x in zip(found, inputs, strict=True):
        np.testing.assert_allclose(scores(line), small.expected(x), rtol=1e-5)
        np.testing.assert_array_equal(np.load(line["outputs"][0]["file"]), scores(line))
        timing = line["timing_ms"]
        assert timing["total"] >= timing["tail"] > timing["server"] > 0
        assert line["activation_bytes"] == 4 * 8 * 16 * 16 + 36
        assert (line["level"], line["bundle"]) == ("raw", small.bundle.digest)


async def test_tail_killed_then_back(tmp_path: Path, tail: TailProcess, small: Cut) -> None:
    """A killed tail costs no frame and no deadline: they are answered locally, and by the split once it is back."""
    async with running(settings(tmp_path, small, tail=tail.address)):
        feed(tmp_path, frames(5))
        await answered(tmp_path, 5)
        await tail.kill()
        feed(tmp_path, frames(30), first=5)
        away = (await answered(tmp_path, 35))[5:]
        await tail.start()
        count = 35
        async with asyncio.timeout(15):
            while lines(tmp_path)[-1]["answered_by"] != "split":
                feed(tmp_path, frames(1), first=count)
                count += 1
                await answered(tmp_path, count)
    found = lines(tmp_path)
    assert {line["answered_by"] for line in away} == {"local"}
    assert {line["fallback_reason"] for line in away} <= {"TAIL_UNREACHABLE", "STREAM_BROKEN"}
    assert [line["frame"] for line in found] == [f"{n:05}.npy" for n in range(count)]
    assert not any(line["late"] or line["error"] for line in found)
    for line, x in zip(away, frames(30), strict=True):
        np.testing.assert_allclose(scores(line), small.expected(x), rtol=1e-5)


async def test_silent_tail_is_left_alone(tmp_path: Path, tail: TailProcess, small: Cut) -> None:
    """A tail that hangs with its connection open costs a few frames time, none its deadline, and is tried again.

    The device is a busy test machine: a frame may be late by what its scheduler takes.
    """
    assert tail.process
    async with running(settings(tmp_path, small, tail=tail.address, deadline_ms=600)):
        feed(tmp_path, frames(3))
        await answered(tmp_path, 3)
        os.kill(tail.process.pid, signal.SIGSTOP)
        try:
            feed(tmp_path, frames(40), first=3)
            hung = (await answered(tmp_path, 43))[3:]
        finally:
            os.kill(tail.process.pid, signal.SIGCONT)
        count = 43
        async with asyncio.timeout(15):
            while lines(tmp_path)[-1]["answered_by"] != "split":
                feed(tmp_path, frames(1), first=count)
                count += 1
                await answered(tmp_path, count)
    assert {line["answered_by"] for line in hung} == {"local"}
    assert max(line["timing_ms"]["total"] for line in hung) < 600 + 150
    waited = [line for line in hung if line["timing_ms"]["total"] > 290]
    assert 1 <= len(waited) <= 10, [line["timing_ms"]["total"] for line in hung]


async def test_deadline_is_kept_when_triton_is_slow(
    tmp_path: Path, tail: TailProcess, small: Cut, triton: FakeTriton
) -> None:
    """With answers that come too late frames are answered locally within their deadline, then at once."""
    triton.delay_s = 3.0
    async with running(settings(tmp_path, small, tail=tail.address, deadline_ms=400)):
        feed(tmp_path, frames(30))
        found = await answered(tmp_path, 30)
    assert {line["answered_by"] for line in found} == {"local"}
    assert {line["fallback_reason"] for line in found} <= {"DEADLINE", "TAIL_UNREACHABLE"}
    assert max(line["timing_ms"]["total"] for line in found) < 400 + 150
    assert np.median([line["timing_ms"]["total"] for line in found]) < 100


async def test_split_mode_fails_frames_instead(
    tmp_path: Path, tail: TailProcess, small: Cut, triton: FakeTriton
) -> None:
    """In split mode a frame without an answer in time has a result, too: it failed."""
    triton.delay_s = 3.0
    async with running(settings(tmp_path, small, tail=tail.address, deadline_ms=200, mode="split")):
        feed(tmp_path, frames(3))
        found = await answered(tmp_path, 3)
    assert {line["answered_by"] for line in found} == {"failed"}
    assert all(line["error"] and not line["outputs"] for line in found)


async def test_wrong_bundle_is_a_mismatch(tmp_path: Path, tail: TailProcess) -> None:
    """An agent with another bundle than its tail answers locally and says so."""
    other = cut(seed=7)
    async with running(settings(tmp_path, other, tail=tail.address)):
        feed(tmp_path, frames(3))
        await answered(tmp_path, 3)
        await asyncio.sleep(0.3)
        feed(tmp_path, frames(3), first=3)
        found = await answered(tmp_path, 6)
    assert {line["answered_by"] for line in found} == {"local"}
    assert found[-1]["fallback_reason"] == "DIGEST_MISMATCH"
    np.testing.assert_allclose(scores(found[0]), other.expected(frames(1)[0]), rtol=1e-5)


async def test_no_tail_and_local_mode(tmp_path: Path, small: Cut) -> None:
    """Without a tail, and in local mode, frames are answered locally and say why."""
    for mode, reason in (("auto", "NO_ASSIGNMENT"), ("local", "LOCAL_MODE")):
        folder = tmp_path / mode
        folder.mkdir()
        async with running(settings(folder, small, mode=mode)):
            feed(folder, frames(2))
            assert by(await answered(folder, 2)) == [("local", reason)] * 2


async def test_unreadable_files_fail_and_others_go_on(tmp_path: Path, small: Cut) -> None:
    """A file that is no tensor, of the wrong shape or type, or an image without --preprocess has a failed result."""
    into = tmp_path / "in"
    into.mkdir()
    (into / "00.npy").write_bytes(b"not a tensor")
    np.save(into / "01.npy", np.zeros((1, 3, 8, 8), np.float32))
    np.save(into / "02.npy", np.zeros((1, 3, 16, 16), np.float64))
    (into / "03.png").write_bytes(b"whatever")
    np.save(into / "04.npy", np.zeros((3, 16, 16), np.float32))
    (into / "05.txt").write_text("ignored")
    (into / ".06.npy").write_bytes(b"still being written")
    await serve(settings(tmp_path, small, once=True), asyncio.Event())
    found = sorted(lines(tmp_path), key=lambda line: str(line["frame"]))
    assert [line["answered_by"] for line in found] == ["failed"] * 4 + ["local"]
    for line, words in zip(found, ("no .npy file", "shape", "float64", "--preprocess"), strict=False):
        assert words in line["error"], line


async def test_resumes_after_its_results(tmp_path: Path, small: Cut) -> None:
    """With --resume files that have a result are left out, and a line that a crash cut short does no harm."""
    feed(tmp_path, frames(4))
    await serve(settings(tmp_path, small, once=True), asyncio.Event())
    path = tmp_path / "results.jsonl"
    kept = path.read_text().splitlines(keepends=True)
    path.write_text("".join(kept[:2]) + kept[2][:50])
    await serve(settings(tmp_path, small, once=True, resume=True), asyncio.Event())
    found = path.read_text().splitlines()
    assert found[:3] == [kept[0].strip(), kept[1].strip(), kept[2][:50]]
    assert ["00002.npy" in line for line in found[3:]] == [True, False]
    assert len(found) == 5


async def test_draining_tail_costs_nothing(tmp_path: Path, tail: TailProcess, small: Cut) -> None:
    """A tail that stops gracefully and is replaced at once loses no frame; those sent in vain are sent again."""
    async with running(settings(tmp_path, small, tail=tail.address)):
        feed(tmp_path, frames(5))
        await answered(tmp_path, 5)
        feed(tmp_path, frames(20), first=5)
        await tail.stop()
        await tail.start()
        found = await answered(tmp_path, 25)
        assert not any(line["late"] or line["error"] for line in found)
        count = 25

        def split_again() -> bool:
            return bool(lines(tmp_path)[-1]["answered_by"] == "split")

        while not split_again() and count < 300:
            feed(tmp_path, frames(1), first=count)
            count += 1
            await answered(tmp_path, count)
        await until(split_again)


async def test_levels(tmp_path: Path, tail: TailProcess, small: Cut) -> None:
    """Each level goes through, and fewer bits are fewer bytes."""
    raw = 4 * 8 * 16 * 16
    for level in ("rans-8", "packed-4", "zstd-2", "raw-zstd"):
        folder = tmp_path / level
        folder.mkdir()
        async with running(settings(folder, small, tail=tail.address, level=level, mode="split")):
            feed(folder, frames(2))
            found = await answered(folder, 2)
        assert by(found) == [("split", None)] * 2
        assert found[0]["level"] == level
        most = raw * 1.1 if level == "raw-zstd" else raw * (int(level[-1]) / 32 + 0.05)
        assert found[0]["activation_bytes"] < most
