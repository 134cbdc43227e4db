""".npy files, their headers read one at a time.

numpy parses them as Python, which CPython before 3.11.8 does not survive in two threads at once: SystemError.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

_ONE = threading.Lock()


def mapped(path: Path) -> Any:
    """The array of a file, not read yet: one that claims more than it holds is refused before memory is taken for it.

    Raises OSError, ValueError, EOFError, MemoryError or SyntaxError.
    """
    with _ONE:
        return np.load(path, mmap_mode="r", allow_pickle=False)


def loaded(file: IO[bytes]) -> Any:
    """The array in a file. Raises as `mapped`."""
    with _ONE:
        return np.load(file, allow_pickle=False)


def header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran's order, and element type. Raises ValueError if it is no .npy file."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with _ONE:
        return read(file)
