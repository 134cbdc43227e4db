"""The process's heap (glibc's; with another C library nothing happens): what is freed goes back to the system."""

from __future__ import annotations

import ctypes
from functools import cache

_MMAP_THRESHOLD = -3
_LARGE = 1 << 20  # bytes


@cache
def lean() -> None:
    """From now on large blocks go back as soon as they are freed.

    Else each thread that once ran a model keeps the room of its largest activations for good.
    """
    _call("mallopt", _MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Gives back what is free now: after something made of many small blocks was let go."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    try:
        getattr(ctypes.CDLL(None), name)(*arguments)
    except (OSError, AttributeError):
        return
