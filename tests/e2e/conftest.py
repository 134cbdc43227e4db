"""One plane for the end-to-end tests: a controller, two simulated hosts with agents, a small model being served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bench.load import Outcome
from bench.plane import REPO, Plane
from common.xds_bootstrap import bootstrap
from sliceplane import Client, Point, Profile, Segment, Workload, WorkloadSpec

FEATURES = 8
CONTROLLER = ("--turn-seconds=0.5", "--drain-seconds=1", "--share-segments")
POINTS = (Point(1, 4, 1, 40.0, 20.0), Point(2, 4, 2, 100.0, 20.0), Point(3, 4, 2, 120.0, 20.0))


def times_plus_one(path: Path, factor: float = 2.0) -> Path:
    """Writes a model that maps x (N, 8) to y = `factor` x + 1."""
    nodes = [helper.make_node("Mul", ["x", "factor"], ["m"]), helper.make_node("Add", ["m", "one"], ["y"])]
    constants = [helper.make_tensor(n, TensorProto.FLOAT, [1], [v]) for n, v in (("factor", factor), ("one", 1.0))]
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", FEATURES]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "times_plus_one", value[:1], value[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@dataclass
class Stage:
    """The running plane and what the tests do with it."""

    plane: Plane
    client: Client

    def until(self, condition: Callable[[], Any], timeout_s: float = 45) -> Any:
        """Polls until `condition` is truthy; its value. AssertionError with the logs' ends otherwise."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            logs = "\n".join(f"--- {name}\n{self.plane.tail(name)}" for name in self.plane.processes)
            assert time.monotonic() < deadline, f"not within {timeout_s} s\n{logs}"
            time.sleep(0.1)
        return value

    def segments(self, workload: str = "double") -> tuple[Segment, ...]:
        """The workload's segments."""
        return self.client.segments(workload=workload)

    def pids(self, workload: str = "double") -> set[int]:
        """Process ids of the workload's endpoints."""
        return {e.pid for s in self.segments(workload) for e in s.endpoints if e.ready}

    def settled(self, workload: str = "double") -> bool:
        """Whether all of the workload's planned capacity answers and nothing is on its way out."""
        return self.client.get(workload).ready and all(s.state == "ready" for s in self.segments(workload))

    def load(
        self, rate: float, seconds: float, workload: str = "double", factor: float = 2.0
    ) -> subprocess.Popen[bytes]:
        """Starts Poisson load through an unmodified tritonclient; `factor`: of the model's."""
        samples = self.plane.folder / f"samples-{workload}.npz"
        x = np.random.default_rng(1).normal(size=(64, FEATURES)).astype(np.float32)
        np.savez(samples, input_x=x, output_y=factor * x + 1)
        work = {"name": workload, "rate": rate, "samples": str(samples)}
        spec = self.plane.folder / f"load-{workload}.json"
        spec.write_text(json.dumps({"seconds": seconds, "seed": 3, "workloads": [work]}))
        xds = self.plane.folder / "xds.json"
        xds.write_text(json.dumps(bootstrap(f"127.0.0.1:{self.plane.ports['xds']}", "e2e")))
        env = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(xds), "GRPC_VERBOSITY": "NONE"}
        command = [sys.executable, "-m", "bench.load", str(spec)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=env, cwd=REPO)


def outcome(process: subprocess.Popen[bytes], timeout_s: float = 60) -> Outcome:
    """What a load generator of one workload found."""
    out, _ = process.communicate(timeout=timeout_s)
    assert process.returncode == 0
    return Outcome(**json.loads(out)[0])


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The plane, with the workload `double` ready on segments of different sizes; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="slp") as folder:
        Path(folder).chmod(0o755)
        plane = Plane(Path(folder))
        try:
            plane.start_controller(*CONTROLLER)
            for name in ("host-a", "host-b"):
                plane.start_agent(name, gpus=1)
            with Client(f"127.0.0.1:{plane.ports['api']}") as client:
                stage = Stage(plane, client)
                stage.until(lambda: len(client.gpus()) == 2)
                client.push_model("double", times_plus_one(Path(folder) / "double.onnx"))
                client.import_profile(Profile("double", POINTS))
                client.apply(Workload("double", WorkloadSpec("double", rate=130.0, slo_ms=400.0)))
                stage.until(stage.settled, 60)
                yield stage
        finally:
            plane.down()
    assert plane.left() == []
