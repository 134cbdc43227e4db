"""What must hold for any bytes that reach the decoder."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import numpy as np

from common.codec import MAX_HEADER, CodecError, Limits, decode, peek

MOST = 1 << 13
LIMITS = Limits(max_elements=MOST, max_bytes=4 * MOST + MAX_HEADER)
"""As a tail has them: bytes follow from elements."""

MEMORY = 24 * MOST + (64 << 10)
"""Bytes that decoding may take at its peak: what `Limits` promises, and the interpreter's own."""


def check(payload: bytes, limits: Limits = LIMITS, memory: int = MEMORY) -> None:
    """Raises unless the payload decodes within `limits` or is refused with CodecError, in `memory` bytes at most.

    Memory counts where `tracemalloc` runs; what compiled libraries take by themselves it does not see.
    """
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with suppress(CodecError):
        peek(payload)
    with suppress(CodecError):
        tensor = decode(payload, limits)
        assert tensor.dtype == np.float32, f"{tensor.dtype} came out"
        assert tensor.size <= limits.max_elements, f"{tensor.size} elements came out, more than were allowed"
        assert tensor.shape == peek(payload).shape, f"shape {tensor.shape} came out, the header says another"
    took = tracemalloc.get_traced_memory()[1] - before
    assert took <= memory, f"decoding took {took} bytes of memory, {memory} are promised"
