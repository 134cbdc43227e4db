"""A folder as a source of frames: every file that appears there, once; images and .npy tensors."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import InvalidArgument, Violation
from edge_agent.agent import Item
from edge_agent.inputs import npy, preprocess
from edge_agent.inputs.complete import complete
from edge_agent.inputs.preprocess import Preprocess
from edge_agent.model import Array, Tensors, TensorSpec

SOURCE = "folder"
IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
TENSORS = (".npy",)
POLL_S = 0.05
SETTLE_S = 0.5


@dataclass
class Folder:
    """Files of `path` in the order of their names; later ones as they appear, or with `once` none.

    Hidden files are left alone, so a writer may write ".name" and rename it. A file that is written in place is
    taken when it is complete, or has not changed for a moment. `done`: names that need no answer any more.
    """

    path: Path
    spec: Preprocess | None
    once: bool
    done: set[str] = field(default_factory=set)

    async def items(self) -> AsyncIterator[Item]:
        """One item per file."""
        while True:
            begun = time.monotonic()
            names, unsettled = await asyncio.to_thread(self._scan)
            took_s = time.monotonic() - begun
            for name in names:
                self.done.add(name)
                yield self._item(name)
            if self.once and not unsettled:
                return
            await asyncio.sleep(max(POLL_S, 10 * took_s))  # a full folder must not take the processor

    def _scan(self) -> tuple[list[str], bool]:
        """New files that are complete, by name; and whether there are others."""
        now, settled, unsettled = time.time(), [], False
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name in self.done or not _wanted(entry):
                    continue
                # A time stamp from the future, of a gateway without a clock, does not keep a file out.
                fresh = 0 <= now - entry.stat().st_mtime < SETTLE_S
                if fresh and not complete(Path(entry.path)):
                    unsettled = True
                else:
                    settled.append(entry.name)
        return sorted(settled), unsettled

    def _item(self, name: str) -> Item:
        async def load(specs: tuple[TensorSpec, ...]) -> Tensors:
            return await asyncio.to_thread(read, self.path / name, self.spec, specs)

        return Item(name, load)


def _wanted(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    return not name.startswith(".") and Path(name).suffix.lower() in (*IMAGES, *TENSORS) and entry.is_file()


def read(path: Path, spec: Preprocess | None, specs: tuple[TensorSpec, ...]) -> Tensors:
    """The file as the model's one input. Raises InvalidArgument."""
    if len(specs) != 1:
        raise InvalidArgument(Violation(path.name, f"the model has {len(specs)} inputs; use the local gRPC call"))
    (only,) = specs
    if path.suffix.lower() in TENSORS:
        return {only.name: batched(_npy(path), only)}
    if spec is None:
        raise InvalidArgument(Violation(path.name, "an image needs --preprocess; without it .npy files are taken"))
    return {only.name: preprocess.read(path, spec, only.dtype)}


def _npy(path: Path) -> Array:
    try:
        return np.array(npy.mapped(path))
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError) as error:
        raise InvalidArgument(Violation(path.name, f"it is no .npy file that can be read: {error}")) from error


def batched(value: Array, spec: TensorSpec) -> Array:
    """With an axis for the batch in front, if just that is missing."""
    return value[None] if value.ndim + 1 == len(spec.shape) else value
