"""Uploads raw frames one after the other to a Triton client target and prints the latencies as JSON, ms.

A process of its own, so that it can run behind the thin link: `python -m bench.demo.upload TARGET MODEL SAMPLES.npz N`.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import np_to_triton_dtype


def main(target: str, model: str, samples: str, count: int) -> list[float]:
    """Latency of each of `count` uploads, after one that opens the connection."""
    with np.load(samples) as file:
        name = next(key for key in file.files if key.startswith("input_"))
        frames = file[name]
    client, times = InferenceServerClient(target), []
    for index in range(count + 1):
        frame = frames[index % len(frames)][None]
        tensor = InferInput(name.removeprefix("input_"), frame.shape, np_to_triton_dtype(frame.dtype))
        begin = time.perf_counter()
        client.infer(model, [tensor.set_data_from_numpy(frame)])
        times.append((time.perf_counter() - begin) * 1e3)
    return times[1:]


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
