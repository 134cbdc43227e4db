"""Open-loop load through an unmodified tritonclient at xds:///NAME; one JSON result on stdout.

A process of its own, since gRPC reads GRPC_XDS_BOOTSTRAP once: `python -m bench.load SPEC.json`. The spec:
{"seconds": S, "seed": N, "workloads": [{"name", "rate", "samples": FILE.npz}]}; the samples hold `input_NAME`
(n, ...) and what onnxruntime answers when it runs the model directly, `output_NAME` (n, ...).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Arrays = dict[str, npt.NDArray[Any]]


@dataclass
class Outcome:
    """What became of one workload's requests; latencies in ms of those answered; `at` in s since the start."""

    name: str
    sent: int = 0
    failed: int = 0
    agreed: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)


def same(got: npt.NDArray[Any], want: npt.NDArray[Any]) -> bool:
    """Whether an answer agrees with onnxruntime's: whole numbers exactly, real ones to 1e-3 and in their largest."""
    if not np.issubdtype(want.dtype, np.floating):
        return bool(np.array_equal(got, want))
    return bool(np.allclose(got, want, rtol=1e-3, atol=1e-3))


def _inputs(samples: Arrays, index: int) -> list[InferInput]:
    made = []
    for key in samples:
        if key.startswith("input_"):
            value = samples[key][index : index + 1]
            tensor = InferInput(key.removeprefix("input_"), value.shape, np_to_triton_dtype(value.dtype))
            made.append(tensor.set_data_from_numpy(value))
    return made


async def _one(client: InferenceServerClient, samples: Arrays, index: int, outcome: Outcome, began: float) -> None:
    start = time.perf_counter()
    try:
        answer = await client.infer(outcome.name, _inputs(samples, index), client_timeout=20.0)
    except InferenceServerException as error:
        outcome.failed += 1
        outcome.failures.append({"at": start - began, "error": str(error)[:200]})
        return
    outcome.latencies_ms.append((time.perf_counter() - start) * 1e3)
    wants = {k.removeprefix("output_"): v[index] for k, v in samples.items() if k.startswith("output_")}
    outcome.agreed += all(same(answer.as_numpy(name)[0], want) for name, want in wants.items())


async def drive(workload: dict[str, Any], seconds: float, seed: int) -> Outcome:
    """Sends Poisson arrivals at the workload's rate for `seconds`, waits for the answers."""
    outcome = Outcome(workload["name"])
    with np.load(workload["samples"]) as file:
        samples = dict(file)
    count = len(next(iter(samples.values())))
    rng = np.random.default_rng(seed)
    client = InferenceServerClient(f"xds:///{outcome.name}")
    began, due, tasks = time.perf_counter(), 0.0, []
    while (due := due + rng.exponential(1 / workload["rate"])) < seconds:
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        tasks.append(asyncio.create_task(_one(client, samples, outcome.sent % count, outcome, began)))
        outcome.sent += 1
    await asyncio.gather(*tasks)
    outcome.seconds = seconds
    await client.close()
    return outcome


async def _main(spec: dict[str, Any]) -> list[dict[str, Any]]:
    runs = [drive(w, spec["seconds"], spec["seed"] + i) for i, w in enumerate(spec["workloads"])]
    return [asdict(outcome) for outcome in await asyncio.gather(*runs)]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text())))))
