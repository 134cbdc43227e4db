"""The edge agent in this process: its settings, a folder to feed it, and the lines that it wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.plane import free_port
from edge_agent.main import serve
from edge_agent.settings import Settings
from tests.fakes.edge_model import Cut, Floats


def settings(folder: Path, cut: Cut | None = None, **changes: Any) -> Settings:
    """Flags for an agent that watches FOLDER/in and runs `cut` without a controller."""
    (folder / "in").mkdir(exist_ok=True)
    bundle = written(folder, cut) if cut else ()
    base = Settings(
        controller="127.0.0.1:1", xds_server="127.0.0.1:1", device="gateway", workload="net",
        state_dir=folder / "state", input_dir=folder / "in", results=str(folder / "results.jsonl"), outputs_dir=None,
        resume=False, once=False, preprocess="", listen="", deadline_ms=2000, window=4, level="", min_level="",
        goal="offload", tail=(),
        bundle=bundle, mode="auto", threads=1, metrics_listen="", log_level="info", log_format="json",
    )  # fmt: skip
    if isinstance(tail := changes.get("tail"), str):
        changes["tail"] = (tail,)
    return replace(base, **changes)


def written(folder: Path, *cuts: Cut) -> tuple[Path, ...]:
    """Their bundles as files in `folder`."""
    paths = tuple(folder / f"{cut.bundle.digest[7:15]}.bundle" for cut in cuts)
    for path, cut in zip(paths, cuts, strict=True):
        path.write_bytes(cut.content)
    return paths


def feed(folder: Path, inputs: Sequence[npt.NDArray[np.generic]], first: int = 0) -> None:
    """Writes inputs as a gateway's own programs should: complete at once."""
    (folder / "in").mkdir(exist_ok=True)
    for number, value in enumerate(inputs, first):
        hidden = folder / "in" / f".{number:05}.npy"
        with hidden.open("wb") as file:
            np.save(file, value)
        hidden.rename(folder / "in" / f"{number:05}.npy")


def lines(folder: Path) -> list[dict[str, Any]]:
    """The results so far."""
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def scores(line: dict[str, Any]) -> Floats:
    """The one output of a result."""
    (output,) = line["outputs"]
    return np.asarray(output["data"], np.float32).reshape(output["shape"])


@asynccontextmanager
async def running(flags: Settings) -> AsyncIterator[None]:
    """The agent, until the block ends; its error is raised here."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(flags, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def answered(folder: Path, count: int, within_s: float = 20) -> list[dict[str, Any]]:
    """The results, once there are so many."""
    async with asyncio.timeout(within_s):
        while True:
            found = lines(folder)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


def address() -> str:
    """A loopback address that is free now."""
    return f"127.0.0.1:{free_port()}"
