"""The edge agent as a process: found by xDS, following a re-plan, killed and started again, and its flags."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.main import main
from tests.fakes.edge_controller import FakeController
from tests.fakes.edge_model import Cut, frames
from tests.fakes.edge_run import answered, feed, lines
from tests.fakes.edge_tail import TailProcess
from tests.fakes.edge_triton import FakeTriton
from tests.integration.xds.plane import Announcer, announced


async def start(folder: Path, *flags: str) -> asyncio.subprocess.Process:
    """The agent, watching FOLDER/in."""
    (folder / "in").mkdir(exist_ok=True)
    with (folder / "agent.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge_agent.main", f"--state-dir={folder / 'state'}", f"--input-dir={folder / 'in'}",
            f"--results={folder / 'results.jsonl'}", "--listen=", "--threads=1", *flags, stdout=log, stderr=log,
        )  # fmt: skip


async def stop(process: asyncio.subprocess.Process) -> int:
    process.terminate()
    return await asyncio.wait_for(process.wait(), 10)


async def test_follows_a_replan_by_xds(tmp_path: Path, small: Cut, tail: TailProcess, triton: FakeTriton) -> None:
    """The tail is found by xDS; when another takes its place and it drains, no frame fails, is late or goes local."""
    (tmp_path / "second").mkdir()
    second = TailProcess(tmp_path / "second", small, triton)
    announcer = await Announcer().start(announced({"a": 1.0}, {"a": [tail.port]}, name="net"))
    controller = await FakeController().start()
    controller.assign(small.content, "xds:///net")
    process = await start(
        tmp_path, f"--controller=127.0.0.1:{controller.port}", f"--xds-server=127.0.0.1:{announcer.port}",
        "--device=gateway", "--workload=net", "--deadline-ms=5000", "--goal=offload",
    )  # fmt: skip
    try:
        count = await _until_split(tmp_path)
        await second.start()
        await announcer.xds.publish(announced({"b": 1.0}, {"b": [second.port]}, name="net"))
        draining = asyncio.create_task(_drain(tail))
        for number in range(count, count + 60):
            feed(tmp_path, frames(1), first=number)
            await asyncio.sleep(0.03)
        found = (await answered(tmp_path, count + 60))[count:]
        await draining
        assert {(line["answered_by"], line["late"]) for line in found} == {("split", False)}
        assert await stop(process) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await second.kill()
        await controller.stop()
        await announcer.stop()


async def _until_split(folder: Path) -> int:
    """Feeds frames until one is answered by the split; how many it took."""
    async with asyncio.timeout(30):
        count = 0
        while True:
            feed(folder, frames(1), first=count)
            count += 1
            if (await answered(folder, count))[-1]["answered_by"] == "split":
                return count


async def _drain(tail: TailProcess) -> None:
    await asyncio.sleep(0.5)
    await tail.stop()


async def test_killed_agent_goes_on_where_it_was(tmp_path: Path, small: Cut) -> None:
    """kill -9 in the middle, then a start with --resume: every file has a result, at most one of them torn."""
    bundle = tmp_path / "bundle"
    bundle.write_bytes(small.content)
    (tmp_path / "in").mkdir()
    feed(tmp_path, frames(400))
    flags = (f"--bundle={bundle}", "--resume", "--once", "--log-level=warning")
    process = await start(tmp_path, *flags)
    await answered(tmp_path, 20)
    process.kill()
    await process.wait()
    before = (tmp_path / "results.jsonl").read_text().count("\n")
    again = await start(tmp_path, *flags)
    assert await asyncio.wait_for(again.wait(), 60) == 0
    ids = [line["frame"] for line in lines(tmp_path)]
    assert sorted(ids) == [f"{n:05}.npy" for n in range(400)]
    assert 20 <= before <= 400


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--workload="], "--workload"), (["--workload=Not A Name"], "--workload"), (["--listen="], "--input-dir"),
        (["--once"], "--once"), (["--device=Über"], "--device"), (["--input-dir=/", "--resume"], "--results"),
        (["--listen=127.0.0.1:7080", "--preprocess=nonsense"], "--preprocess"),
        (["--bundle=/etc/hostname"], "bundle"), (["--mode=never"], "--mode"), (["--window=0"], "--window"),
    ],
)  # fmt: skip
async def test_wrong_flags_are_named(tmp_path: Path, flags: Sequence[str], words: str) -> None:
    """A wrong flag is one line that names it, and status 2."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge_agent.main", "--workload=net", f"--state-dir={tmp_path}", "--listen=127.0.0.1:0",
        *flags, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, error = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert words in error.decode().splitlines()[-1]


def test_help_names_every_flag() -> None:
    """--help is there, and says how the environment sets flags."""
    said = CliRunner().invoke(main, ["--help"])
    assert said.exit_code == 0
    assert "SLICEPLANE_EDGE_AGENT_WORKLOAD" in said.output
    assert "--deadline-ms" in said.output
