"""Two models on one real Triton: its rate limiter with one shared resource runs their executions one at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from controller.allocator.sharing.priorities import priorities
from controller.allocator.types import Tenant
from tests.integration.sharing.server import free_port, running

MODELS = ("first", "second")
REQUESTS = 12  # of each model, at once
LIMITED = ("--rate-limit=execution_count", "--rate-limit-resource=segment:1")

CONFIG = """name: "{name}"
backend: "python"
max_batch_size: {batch}
{gathering}
input [{{ name: "x", data_type: TYPE_FP32, dims: [ 1 ] }}]
output [{{ name: "y", data_type: TYPE_FP32, dims: [ 1 ] }}]
instance_group [{{
  count: 1, kind: KIND_CPU,
  rate_limiter {{ resources [ {{ name: "segment", global: true, count: 1 }} ], priority: {priority} }}
}}]
"""

# Notes when each execution begins and ends.
MODEL = """
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [os.environ["SLICEPLANE_SIM_PYTHON"]]  # its numpy is one that the stub can read

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.name = args["model_name"]
        self.log = Path(args["model_repository"]).parents[1] / "executions"

    def execute(self, requests):
        began = time.monotonic()
        time.sleep(0.03)
        with self.log.open("a") as log:
            log.write(f"{began} {time.monotonic()} {self.name} {len(requests)}\\n")
        answer = pb_utils.Tensor("y", np.ones((1, 1), np.float32))
        return [pb_utils.InferenceResponse([answer]) for _ in requests]
"""


@pytest.mark.parametrize(("flags", "overlaps"), [(LIMITED, False), ((), True)], ids=["shared resource", "no limiter"])
def test_executions_are_one_at_a_time(tmp_path: Path, flags: tuple[str, ...], overlaps: bool) -> None:
    """With the limiter no two executions overlap, whichever model's; without it some do."""
    with _server(tmp_path, flags) as address, ThreadPoolExecutor(2 * REQUESTS) as pool:
        answers = list(pool.map(lambda number: _infer(address, MODELS[number % 2]), range(2 * REQUESTS)))
    assert answers == [1.0] * (2 * REQUESTS)
    rows = [line.split() for line in (tmp_path / "executions").read_text().splitlines()]
    assert sorted(row[2] for row in rows) == sorted(MODELS * REQUESTS)
    times = sorted((float(row[0]), float(row[1])) for row in rows)
    assert any(later[0] < one[1] for one, later in pairwise(times)) is overlaps


def test_what_waits_for_the_segment_runs_together(tmp_path: Path) -> None:
    """While one model runs, requests of the other gather to a batch up to its limit, and are one execution then."""
    with _server(tmp_path, LIMITED, batch=4) as address, ThreadPoolExecutor(2 * REQUESTS) as pool:
        answers = list(pool.map(lambda number: _infer(address, MODELS[number % 2]), range(2 * REQUESTS)))
    assert answers == [1.0] * (2 * REQUESTS)
    rows = [line.split() for line in (tmp_path / "executions").read_text().splitlines()]
    times = sorted((float(row[0]), float(row[1])) for row in rows)
    assert not any(later[0] < one[1] for one, later in pairwise(times))
    sizes = {name: [int(row[3]) for row in rows if row[2] == name] for name in MODELS}
    assert [sum(of) for of in sizes.values()] == [REQUESTS] * 2
    assert max(max(of) for of in sizes.values()) == 4
    assert len(rows) < REQUESTS


def test_the_tightest_that_waits_goes_first(tmp_path: Path) -> None:
    """With the priorities of a plan, whichever was asked first: the looser tenant runs only when no other waits."""
    tenants = [Tenant(name, 10.0, 1, 30.0, 10.0, slo) for name, slo in zip(MODELS, (900.0, 300.0), strict=True)]
    with _server(tmp_path, LIMITED, priorities(tenants)) as address, ThreadPoolExecutor(2 * REQUESTS) as pool:
        _infer(address, "first")
        _infer(address, "second")  # Triton counts: who was never executed goes before all others
        (tmp_path / "executions").unlink()
        for model in MODELS:  # the looser one's requests are all there before
            asked = [pool.submit(_infer, address, model) for _ in range(REQUESTS)]
            time.sleep(0.05)
        assert [one.result() for one in asked] == [1.0] * REQUESTS
    order = [line.split()[2] for line in (tmp_path / "executions").read_text().splitlines()]
    before = order.index("second")
    assert before < REQUESTS
    assert order[before : before + REQUESTS] == ["second"] * REQUESTS


def _infer(address: str, model: str) -> float:
    with triton.InferenceServerClient(address) as client:
        value = np.zeros((1, 1), np.float32)
        answer = client.infer(model, [triton.InferInput("x", value.shape, "FP32").set_data_from_numpy(value)])
        return float(answer.as_numpy("y")[0, 0])


@contextmanager
def _server(folder: Path, flags: tuple[str, ...], weights: tuple[int, ...] = (1, 1), batch: int = 1) -> Iterator[str]:
    """A ready Triton's address; it is ended afterwards."""
    for name, weight in zip(MODELS, weights, strict=True):
        (folder / "models" / name / "1").mkdir(parents=True)
        gathering = "dynamic_batching { }" if batch > 1 else ""
        config = CONFIG.format(name=name, priority=weight, batch=batch, gathering=gathering)
        (folder / "models" / name / "config.pbtxt").write_text(config)
        (folder / "models" / name / "1" / "model.py").write_text(MODEL)
    port = free_port()
    local = ["--allow-http=false", "--allow-metrics=false", "--grpc-address=127.0.0.1", f"--grpc-port={port}"]
    command = ["tritonserver", f"--model-repository={folder / 'models'}", "--disable-auto-complete-config", *flags]
    with running([*command, *local], port, MODELS, folder) as address:
        yield address
