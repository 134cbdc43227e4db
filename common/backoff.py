"""Exponential back-off with full jitter, for reconnects and retries."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(first_s: float = 0.2, factor: float = 2.0, limit_s: float = 5.0) -> Iterator[float]:
    """Endless delays in seconds: each drawn between half of and the whole current bound, which grows to `limit_s`."""
    bound = first_s
    while True:
        yield random.uniform(bound / 2, bound)  # noqa: S311 - jitter, not a secret
        bound = min(limit_s, bound * factor)
