"""One Triton process: its queue, its dynamic batcher, and how long each batch takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.allocator import ProfileTable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Served:
    """When each request was answered, s, in the order they came; and for how long the process was busy, s."""

    done: Floats
    busy_s: float


def serve(came: Sequence[float], batch: int, delay_s: float, took_s: Sequence[float]) -> Served:
    """First come, first served in batches of at most `batch`; `took_s[k]` is what a batch of k takes.

    A free process starts as soon as `batch` requests wait, or the oldest has waited `delay_s` (Triton's
    max_queue_delay; 0: at once with what waits).
    """
    ends: list[float] = []
    counts: list[int] = []
    first, free, busy, total = 0, 0.0, 0.0, len(came)
    while first < total:
        full = first + batch
        start = came[first] + delay_s
        if full <= total and came[full - 1] < start:
            start = came[full - 1]
        if start < free:
            start = free
        last = bisect_right(came, start, first, full if full < total else total)
        took = took_s[last - first]
        free = start + took
        busy += took
        ends.append(free)
        counts.append(last - first)
        first = last
    return Served(np.repeat(np.array(ends), counts) if ends else np.empty(0), busy)


def batch_times(table: ProfileTable, size: int, processes: int, batch: int) -> list[float]:
    """What batches of 0 to `batch` take, seconds, from the batches measured at that size and process count.

    Linear between two measured batches; below the smallest, that one's; beyond the largest, on at the cost per item
    of the last two (or of the only one). KeyError where nothing was measured there.
    """
    points = [p for p in table.points if (p.size, p.processes) == (size, processes)]
    if not points:
        raise KeyError(f"{table.model} was not measured on {size} GPCs with {processes} processes")
    sizes = np.array([float(point.batch) for point in points])
    took = np.array([point.latency_ms for point in points]) / 1000
    wanted = np.arange(batch + 1, dtype=float)
    found = np.interp(wanted, sizes, took)
    beyond = wanted > sizes[-1]
    slope = (took[-1] - took[-2]) / (sizes[-1] - sizes[-2]) if sizes.size > 1 else took[-1] / sizes[-1]
    found[beyond] = took[-1] + (wanted[beyond] - sizes[-1]) * max(slope, 0.0)
    return [float(value) for value in found]
