"""Tells what an uploaded file is: an ONNX file, or a bundle around several."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from common.errors import InvalidArgument, Violation
from controller.model import Tensor
from controller.service.models import Facts

TIME_LIMIT_S = 120.0
MOST_OUTPUT = 4 << 20


async def inspect(path: Path) -> Facts:
    """What the file at `path` is. InvalidArgument, naming the field `chunk`, if nothing that can be served."""
    found = await _run(path)
    return Facts(found["format"], _tensors(found["inputs"]), _tensors(found["outputs"]), found["batchable"])


def _tensors(found: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(t["name"], t["datatype"], tuple(t["shape"])) for t in found)


async def _run(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "controller.artifacts.read_file", str(path)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise _refused(f"reading it took more than {TIME_LIMIT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or len(out) > MOST_OUTPUT:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["it describes too many tensors"]
        raise _refused(f"reading it failed: {last[0][:200]}")
    found: dict[str, Any] = json.loads(out)
    if "error" in found:
        raise _refused(found["error"])
    return found


def _refused(why: str) -> InvalidArgument:
    return InvalidArgument(Violation("chunk", f"the file cannot be served: {why}"), reason="NOT_SERVABLE")
