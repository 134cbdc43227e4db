"""Measures what this machine's CPU makes of a model and writes it as a profile of the simulated GPU.

A simulated GPC is one CPU thread (see simulator/), so a size of g GPCs is measured with min(g, cores) threads;
n processes share the cores, so beyond the cores each has its share. Measured when the demo runs, nothing typed in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort

from bench.demo.ocr import Array

SIZES, BATCHES, PROCESSES = (1, 2, 3, 4, 7), (1, 2, 4), (1, 2)


def _session(model: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(model), options)


def latency_s(session: ort.InferenceSession, batch: Array, repeats: int = 5) -> float:
    """Median time of one run, s, after one to warm up."""
    feed = {session.get_inputs()[0].name: batch}
    session.run(None, feed)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def rows(model: Path, example: Array) -> Iterator[tuple[int, int, int, float, float]]:
    """(size, batch, processes, items/s per process, ms of one batch) for every combination."""
    cores = os.cpu_count() or 1
    measured: dict[tuple[int, int], float] = {}
    for threads in sorted({min(size, cores) for size in SIZES}):
        session = _session(model, threads)
        for batch in BATCHES:
            measured[threads, batch] = latency_s(session, np.repeat(example, batch, axis=0))
    for size in SIZES:
        threads = min(size, cores)
        for batch in BATCHES:
            for processes in PROCESSES:
                seconds = measured[threads, batch] * max(1.0, processes * threads / cores)
                yield size, batch, processes, batch / seconds, seconds * 1e3
