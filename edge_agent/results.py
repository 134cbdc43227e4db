"""Answers as JSON lines, and their tensors as files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge_agent.model import Answer, Array, Timing
from edge_agent.wire import DATATYPES

INLINE_ELEMENTS = 256
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class Results:
    """Writes one line per answer to `path` ("-": stdout), flushed at once.

    `outputs` is the folder for tensors as .npy, None for none. Small tensors stand in the line itself.
    """

    def __init__(self, path: str, outputs: Path | None) -> None:
        self._outputs = outputs
        self._file: IO[str] = sys.stdout if path == "-" else _opened(Path(path))

    def write(self, answer: Answer) -> None:
        """Writes one answer."""
        self._file.write(line(answer, self._outputs) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; never stdout."""
        if self._file is not sys.stdout:
            self._file.close()


def line(answer: Answer, folder: Path | None, file_name: str = "", **more: str | int) -> str:
    """The answer as one JSON object, with `more` in it; its tensors as files in `folder`, if there is one.

    `file_name`: what these begin with, if not with the frame's id.
    """
    name = file_name or answer.frame_id
    outputs = [_output(name, output, value, folder) for output, value in answer.outputs.items()]
    return json.dumps({**_line(answer), **more, "outputs": outputs})


def _output(frame: str, name: str, value: Array, folder: Path | None) -> dict[str, Any]:
    value = np.ascontiguousarray(value)
    found: dict[str, Any] = {
        "name": name,
        "datatype": DATATYPES.get(value.dtype.name, value.dtype.name),
        "shape": list(value.shape),
        "sha256": hashlib.sha256(value.tobytes()).hexdigest(),
    }
    if value.size <= INLINE_ELEMENTS:
        found["data"] = [_number(one) for one in value.ravel().tolist()]
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_UNSAFE.sub('_', frame)}.{_UNSAFE.sub('_', name)}.npy"
        np.save(path, value, allow_pickle=False)
        found["file"] = str(path)
    return found


def answered(results: str) -> set[str]:
    """Ids of the frames that a results file has an answer for; a line that a crash cut short has none."""
    found: set[str] = set()
    path = Path(results)
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    found.add(str(json.loads(line)["frame"]))
                except (ValueError, KeyError, TypeError):
                    continue
    return found


def _opened(path: Path) -> IO[str]:
    """The file, to append to; a line that was cut short is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a", encoding="utf-8")
    if _torn(path):
        file.write("\n")
    return file


def _torn(path: Path) -> bool:
    """Whether a crash cut the last line short."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _line(answer: Answer) -> dict[str, Any]:
    return {
        "frame": answer.frame_id,
        "answered_by": answer.where.value,
        "fallback_reason": answer.reason.value if answer.reason else None,
        "error": answer.error or None,
        "late": answer.late,
        "level": answer.level or None,
        "bundle": answer.bundle,
        "activation_bytes": answer.timing.activation_bytes,
        "timing_ms": _timing(answer.timing),
    }


def _timing(timing: Timing) -> dict[str, float]:
    stages = ("head", "encode", "tail", "server", "decode", "local", "total")
    return {stage: round(getattr(timing, f"{stage}_ms"), 3) for stage in stages}


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinities."""
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
