"""Whether a file that somebody may still be writing is all there: told from its format's end, not from a clock."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import IO

from edge_agent.inputs import npy

_TAIL = 16


def complete(path: Path) -> bool:
    """Whether the file holds everything that its format promises; False also where that cannot be told."""
    check = _CHECKS.get(path.suffix.lower())
    try:
        with path.open("rb") as file:
            return check is not None and check(file, os.fstat(file.fileno()).st_size)
    except (OSError, ValueError, SyntaxError, TypeError):
        return False


def holds_npy(file: IO[bytes], size: int) -> bool:
    """Whether a .npy of `size` bytes holds what its header promises. Raises ValueError if it is none."""
    shape, _, dtype = npy.header(file)
    return not dtype.hasobject and file.tell() + prod(shape) * dtype.itemsize <= size


def _png(file: IO[bytes], size: int) -> bool:
    return _end(file, size)[-8:-4] == b"IEND"


def _jpeg(file: IO[bytes], size: int) -> bool:
    return _end(file, size)[-2:] == b"\xff\xd9"


def _bmp(file: IO[bytes], size: int) -> bool:
    head = file.read(6)
    return head[:2] == b"BM" and 0 < int.from_bytes(head[2:], "little") <= size


def _end(file: IO[bytes], size: int) -> bytes:
    file.seek(max(0, size - _TAIL))
    return file.read(_TAIL)


_CHECKS = {".npy": holds_npy, ".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".bmp": _bmp}
