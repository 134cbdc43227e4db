"""The folder through the queue on disk: once, over restarts, with limits."""

from __future__ import annotations

import asyncio
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidArgument
from edge_agent.main import serve
from tests.fakes.edge_model import Cut, frames
from tests.fakes.edge_run import address, answered, feed, lines, running, settings


async def test_once_answers_each_file_once(tmp_path: Path, small: Cut) -> None:
    """--once ends when all is delivered; a second run has only what is new; a file that is gone is forgotten."""
    flags = settings(tmp_path, small, queue_dir=tmp_path / "queue", once=True)
    feed(tmp_path, frames(5))
    await asyncio.wait_for(serve(flags, asyncio.Event()), 20)
    feed(tmp_path, frames(1), first=5)
    (tmp_path / "in" / "00000.npy").unlink()
    await asyncio.wait_for(serve(flags, asyncio.Event()), 20)
    assert [line["frame"] for line in lines(tmp_path)] == [f"{number:05}.npy" for number in range(6)]
    assert [line["number"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert len({line["queue"] for line in lines(tmp_path)}) == 1


async def test_old_frames_say_that_they_were_dropped(tmp_path: Path, small: Cut) -> None:
    """Frames that wait for a model longer than --queue-max-age have one result each, which says so."""
    nothing = settings(tmp_path, queue_dir=tmp_path / "queue", queue_max_age=0.5, mode="local", window=1)
    feed(tmp_path, frames(4))
    async with running(nothing):  # no controller, no bundle: nothing can be answered
        await asyncio.sleep(1.0)
    async with running(settings(tmp_path, small, queue_dir=tmp_path / "queue", queue_max_age=0.5)):
        found = await answered(tmp_path, 4)
    assert {line["answered_by"] for line in found} == {"dropped"}
    assert {line["error"] for line in found} == {"it waited longer than 0.5 s"}
    assert [line["frame"] for line in found] == [f"{number:05}.npy" for number in range(4)]


async def test_killed_again_and_again(tmp_path: Path, small: Cut) -> None:
    """kill -9 at any moment: each file has one line, in the order of names."""
    bundle = tmp_path / "net.bundle"
    bundle.write_bytes(small.content)
    feed(tmp_path, frames(60))
    for life in range(5):
        with (tmp_path / "agent.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge_agent.main", f"--bundle={bundle}", f"--state-dir={tmp_path / 'state'}",
                f"--input-dir={tmp_path / 'in'}", f"--results={tmp_path / 'results.jsonl'}", "--listen=",
                "--threads=1", f"--queue-dir={tmp_path / 'queue'}", stdout=log, stderr=log,
            )  # fmt: skip
        if life < 4:
            await answered(tmp_path, 1 + 10 * life)
            process.kill()
            await process.wait()
    await answered(tmp_path, 60)
    process.terminate()
    assert await process.wait() == 0
    assert [line["frame"] for line in lines(tmp_path)] == [f"{number:05}.npy" for number in range(60)]


async def test_the_newest_first(tmp_path: Path, small: Cut) -> None:
    """What piled up while there was no model is skipped but for the newest; each has its line, in order, counted."""
    metrics = address()
    more: dict[str, Any] = {"queue_dir": tmp_path / "queue", "policy": "newest", "window": None}
    feed(tmp_path, frames(6))
    async with running(settings(tmp_path, mode="local", **more)):  # no controller, no bundle
        await asyncio.sleep(1.0)
        assert lines(tmp_path) == []
    async with running(settings(tmp_path, small, metrics_listen=metrics, **more)):
        await answered(tmp_path, 6)
        feed(tmp_path, frames(1), first=6)
        found = await answered(tmp_path, 7)
        with urllib.request.urlopen(f"http://{metrics}/metrics") as page:  # noqa: ASYNC210
            told = page.read().decode()
    assert [line["frame"] for line in found] == [f"{number:05}.npy" for number in range(7)]
    assert [line["answered_by"] for line in found] == [*["skipped"] * 5, "local", "local"]
    assert {line["error"] for line in found[:5]} == {"skipped: a newer frame of its source was there"}
    assert found[0]["outputs"] == []
    assert 'sliceplane_edge_frames_total{answered_by="skipped",reason=""} 5.0' in told


async def test_a_folder_without_a_queue_skips_too(tmp_path: Path, small: Cut) -> None:
    """--once with --policy newest: a line for each file, the last one answered."""
    feed(tmp_path, frames(5))
    await asyncio.wait_for(serve(settings(tmp_path, small, once=True, policy="newest"), asyncio.Event()), 20)
    found = lines(tmp_path)
    assert [line["frame"] for line in found] == [f"{number:05}.npy" for number in range(5)]
    assert [line["answered_by"] for line in found] == [*["skipped"] * 4, "local"]


async def test_killed_again_and_again_with_the_newest_first(tmp_path: Path, small: Cut) -> None:
    """kill -9 at any moment: one line a file, in order; the last file is answered; what was answered is not again."""
    bundle = tmp_path / "net.bundle"
    bundle.write_bytes(small.content)
    count = 0
    for life in range(4):
        with (tmp_path / "agent.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "edge_agent.main", f"--bundle={bundle}", f"--state-dir={tmp_path / 'state'}",
                f"--input-dir={tmp_path / 'in'}", f"--results={tmp_path / 'results.jsonl'}", "--listen=",
                "--threads=1", f"--queue-dir={tmp_path / 'queue'}", "--policy=newest", "--window=1",
                stdout=log, stderr=log,
            )  # fmt: skip
        feed(tmp_path, frames(20), first=count)
        count += 20
        if life < 3:
            await answered(tmp_path, count - 10)
            process.kill()
            await process.wait()
    found = await answered(tmp_path, count)
    process.terminate()
    assert await process.wait() == 0
    assert [line["frame"] for line in lines(tmp_path)] == [f"{number:05}.npy" for number in range(count)]
    assert {line["answered_by"] for line in found} == {"skipped", "local"}
    assert found[-1]["answered_by"] == "local"


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"mqtt": "tcp://x", "mqtt_in": "a"}, "must be mqtt://HOST:PORT"),
        ({"mqtt": "mqtt://x"}, "give --mqtt-in or --mqtt-out"),
        ({"mqtt_in": "a"}, "need a broker"),
        ({"mqtt": "mqtt://x", "mqtt_in": "a/#/b"}, "# only as the last level"),
        ({"mqtt": "mqtt://x", "mqtt_out": "a/+"}, "no topic to publish to"),
        ({"mqtt": "mqtt://x", "mqtt_in": "#", "mqtt_out": "results/{source}"}, "would come back as frames"),
        ({"mqtt": "mqtt://x", "mqtt_in": "a", "once": True}, "have no end"),
        ({"policy": "newest", "queue_drop": "newest"}, "the newest frame is kept"),
        ({"mqtt": "mqtt://user:secret@x", "mqtt_in": "a"}, "go into the environment"),
    ],
)
def test_wrong_flags_say_what_to_do(tmp_path: Path, flags: dict[str, Any], why: str) -> None:
    """Each names the flag."""
    with pytest.raises(InvalidArgument, match="--") as told:
        settings(tmp_path, **flags).checked()
    assert why in told.value.message
    assert "secret" not in told.value.message
