"""Measures what this machine's CPU makes of a model and writes it as a profile of the simulated GPUs.

A simulated GPC is one CPU thread (see simulator/): a size of g GPCs is measured with min(g, cores) threads, alone on
the machine; that is its latency. All GPCs of the simulated fleet share the cores, so the throughput that can be
promised is the fair share: what a thread was measured to do, times g × cores / GPCs of the fleet. Nothing is typed in.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

SIZES, BATCHES = (1, 2, 3, 4, 7), (1, 2, 4)
HEADER = ("Mig instance", "Batch size", "Workload Number", "Throughput", "Latency")


def session(model: Path, threads: int) -> ort.InferenceSession:
    """The model with so many threads that do not spin, as the simulated Triton runs it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(model), options)


def latency_s(model: ort.InferenceSession, batch: npt.NDArray[Any], repeats: int = 5) -> float:
    """Median time of one run, s, after one to warm up."""
    feed = {model.get_inputs()[0].name: batch}
    model.run(None, feed)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        model.run(None, feed)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def rows(model: Path, example: npt.NDArray[Any], fleet_gpcs: int) -> Iterator[tuple[int, int, int, float, float]]:
    """(size, batch, processes, items/s per process, s of one batch) for every size and batch."""
    cores = os.cpu_count() or 1
    for threads in sorted({min(size, cores) for size in SIZES}):
        loaded = session(model, threads)
        for batch in BATCHES:
            seconds = latency_s(loaded, np.repeat(example, batch, axis=0))
            for size in (s for s in SIZES if min(s, cores) == threads):
                share = size * cores / fleet_gpcs / threads
                yield size, batch, 1, batch / seconds * min(1.0, share), seconds


def write(target: Path, model: Path, example: npt.NDArray[Any], fleet_gpcs: int) -> Path:
    """Measures and writes `target` in the paper's CSV format."""
    with target.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for size, batch, processes, throughput, seconds in rows(model, example, fleet_gpcs):
            out.writerow((size, batch, processes, f"{throughput:.3f}", f"{seconds:.6f}"))
    return target
