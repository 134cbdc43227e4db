"""The folder through the queue on disk: once, over restarts, with limits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import InvalidArgument
from edge_agent.main import serve
from tests.fakes.edge_model import Cut, frames
from tests.fakes.edge_run import answered, feed, lines, running, settings


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
        ({"mqtt": "mqtt://user:secret@x", "mqtt_in": "a"}, "go into the environment"),
    ],
)
def test_wrong_flags_say_what_to_do(tmp_path: Path, flags: dict[str, Any], why: str) -> None:
    """Each names the flag."""
    with pytest.raises(InvalidArgument, match="--") as told:
        settings(tmp_path, **flags).checked()
    assert why in told.value.message
    assert "secret" not in told.value.message
