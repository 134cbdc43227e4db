"""The node agent's repository and flags of a shared segment on a real Triton: ONNX models run one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import tritonclient.grpc as client
from onnx import TensorProto, helper, numpy_helper

from node_agent import triton
from node_agent.model import SegmentSpec, Serve, Tenant, Unit
from tests.integration.sharing.server import free_port, running

WIDTH, LAYERS = 1024, 24  # milliseconds on one core
REQUESTS = 10  # of each model, at once
BATCHES = {"u": 1, "v": 4, "w": 8}  # by workload
FACTORS = {"u": 1.0, "v": 2.0, "w": 3.0}
TENANTS = tuple(Tenant(name, "sha256:", batch, 64**rank) for rank, (name, batch) in enumerate(BATCHES.items()))
SHARED = SegmentSpec("a", "GPU-0", 0, 1, 1, "group", "", Serve.WHOLE, 1, 1, 0, TENANTS)


def slow(factor: float) -> onnx.ModelProto:
    """x (n, WIDTH) → factor * x, by way of products with the identity matrix."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", WIDTH]) for name in ("x", "y")]
    names = ["x", *(f"h{layer}" for layer in range(LAYERS))]
    nodes = [helper.make_node("MatMul", [one, "eye"], [after]) for one, after in pairwise(names)]
    nodes.append(helper.make_node("Mul", [names[-1], "factor"], ["y"]))
    constants = {"eye": np.eye(WIDTH, dtype=np.float32), "factor": np.full(1, factor, np.float32)}
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "slow", values[:1], values[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@contextmanager
def _segment(folder: Path, flags: list[str], repository: Path, unit: Unit) -> Iterator[str]:
    """The address of the segment's Triton, which notes in `folder`/trace when each execution begins and ends."""
    noting = {"triton,file": folder / "trace", "triton,log-frequency": 1, "rate": 1, "level": "TIMESTAMPS"}
    traced = [f"--trace-config={name}={value}" for name, value in noting.items()]
    local = [flag for flag in flags if not flag.startswith("--metrics-")]
    command = [*local, "--allow-metrics=false", f"--model-repository={repository}", *traced]
    with running(command, unit.grpc_port, tuple(BATCHES), folder) as address:
        yield address


def _infer(address: str, model: str) -> float:
    value = np.ones((1, WIDTH), np.float32)
    with client.InferenceServerClient(address) as one:
        answer = one.infer(model, [client.InferInput("x", value.shape, "FP32").set_data_from_numpy(value)])
        return float(answer.as_numpy("y").mean())


def _executions(folder: Path) -> list[tuple[int, int]]:
    """When each began and ended, ns, in order; requests of one batch are one execution."""
    found: dict[int, dict[str, int]] = {}
    for trace in folder.glob("trace*"):
        for event in json.loads(trace.read_text()):
            for stamp in event.get("timestamps", ()):
                found.setdefault(event["id"], {})[stamp["name"]] = stamp["ns"]
    return sorted({(one["COMPUTE_START"], one["COMPUTE_END"]) for one in found.values()})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("limited", [True, False], ids=["limiter", "no limiter"])
async def test_tenants_run_one_at_a_time(tmp_path: Path, limited: bool) -> None:
    """As the agent starts it, no two executions of three ONNX models overlap, and what waits of a model runs together;
    without the flags some do."""
    models = {one.workload: tmp_path / one.workload for one in TENANTS}
    for name, path in models.items():
        onnx.save(slow(FACTORS[name]), str(path))
    repository = await triton.lay_out(SHARED, models, tmp_path / "segment")
    unit = Unit(free_port(), free_port(), free_port())
    spec = SHARED if limited else replace(SHARED, tenants=())
    flags = triton.command(spec, unit, repository, "127.0.0.1", 1.0)
    order = list(BATCHES) * REQUESTS
    with _segment(tmp_path, flags, repository, unit) as address, ThreadPoolExecutor(len(order)) as pool:
        assert await triton.models_ready("127.0.0.1", unit.grpc_port, BATCHES)
        assert not await triton.models_ready("127.0.0.1", unit.grpc_port, [*BATCHES, "group"])
        assert list(pool.map(lambda name: _infer(address, name), order)) == [FACTORS[name] for name in order]
        with client.InferenceServerClient(address) as one:
            runs = {name: one.get_inference_statistics(name).model_stats[0].execution_count for name in BATCHES}
    executions = _executions(tmp_path)
    assert any(later[0] < one[1] for one, later in pairwise(executions)) is not limited
    assert runs["u"] == REQUESTS
    if limited:
        assert len(executions) == sum(runs.values())
        assert runs["v"] + runs["w"] < 2 * REQUESTS
