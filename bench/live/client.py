"""Open-loop load at given instants through an unmodified tritonclient at xds:///NAME.

A process of its own, since gRPC reads GRPC_XDS_BOOTSTRAP once: `python -m bench.live.client PLAN.npz OUT.npz`. PLAN
holds, by service, when to send (s from the start); OUT the latencies in ms from that instant, NaN where it failed or
was answered wrongly, how late each was sent, ms, as `late_NAME`, and which process answered, as `by_NAME`, or NaN.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

Floats = npt.NDArray[np.float64]
TIMEOUT_S = 300.0


async def drive(name: str, due: Floats, began: float) -> tuple[Floats, Floats, Floats]:
    """Latency, lateness and answering process of each request of one service."""
    latency, late, by = np.full(due.size, np.nan), np.zeros(due.size), np.full(due.size, np.nan)

    async def send(index: int) -> None:
        late[index] = time.perf_counter() - began - due[index]
        value = np.array([[index]], np.float32)
        inputs = [InferInput("x", value.shape, "FP32").set_data_from_numpy(value)]
        try:
            answer = await client.infer(name, inputs, client_timeout=TIMEOUT_S)
        except InferenceServerException:
            return
        if answer.as_numpy("y").tolist() != [[index]]:
            return  # somebody else's answer is none
        latency[index] = time.perf_counter() - began - due[index]
        by[index] = answer.as_numpy("process").item()

    client = InferenceServerClient(f"xds:///{name}")
    await client.is_model_ready(name)  # dialled before the first request counts
    tasks = []
    for index, at in enumerate(due):
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        tasks.append(asyncio.create_task(send(index)))
    await asyncio.gather(*tasks)
    await client.close()
    return latency * 1000, late * 1000, by


async def _main(plan: str, out: str) -> None:
    with np.load(plan) as file:
        due = {name: file[name] for name in file.files}
    began = time.perf_counter() + 3.0
    found = await asyncio.gather(*(drive(name, times, began) for name, times in due.items()))
    said: dict[str, Any] = {}
    for name, (latency, late, by) in zip(due, found, strict=True):
        said |= {name: latency, f"late_{name}": late, f"by_{name}": by}
    np.savez(out, **said)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:3]))
