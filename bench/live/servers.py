"""Real Triton processes, one for each process of each segment of a plan, each with one sleeping model."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from bench.plane import REPO, Plane, free_port
from bench.replay.batcher import batch_times
from controller.allocator import Plan, ProfileTable, Segment

TRITON = REPO / "build" / "simulator" / "bin" / "tritonserver"
STARTED_AT_ONCE = 4  # more only hold each other up

CONFIG = """name: "{name}"
backend: "python"
max_batch_size: {batch}
input [{{ name: "x", data_type: TYPE_FP32, dims: [ 1 ] }}]
output [
  {{ name: "y", data_type: TYPE_FP32, dims: [ 1 ] }},
  {{ name: "process", data_type: TYPE_FP32, dims: [ 1 ] }}
]
instance_group [{{ count: 1, kind: KIND_CPU }}]
dynamic_batching {{ max_queue_delay_microseconds: {delay_us} }}
model_warmup [ {{
  name: "first"
  batch_size: 1
  inputs {{ key: "x" value {{ data_type: TYPE_FP32, dims: [ 1 ], zero_data: true }} }}
}} ]
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A segment and the ports that its processes answer on."""

    segment: Segment
    ports: tuple[int, ...]


def start(
    plane: Plane,
    plan: Plan,
    tables: Mapping[str, ProfileTable],
    dilations: Mapping[str, float],
    delay_ms: Mapping[str, float],
    tick: Callable[[], None],
) -> list[Served]:
    """All Tritons, ready; latencies and delays dilated. All mappings by service; processes count up over the plan."""
    found: list[Served] = []
    count = 0
    starting: list[tuple[str, int]] = []
    for number, one in enumerate(plan.placed):
        segment, ports = one.segment, []
        dilation = dilations[segment.service]
        times = batch_times(tables[segment.service], segment.size, segment.processes, segment.batch)
        took = [dilation * seconds for seconds in times]
        for process in range(segment.processes):
            name = f"{segment.service}-{number}-{process}"
            repository = _lay_out(plane.folder / name, segment, took, count, dilation * delay_ms[segment.service])
            count += 1
            ports.append(_spawn(plane, name, repository))
            starting.append((segment.service, ports[-1]))
            if len(starting) == STARTED_AT_ONCE:
                _await(starting, tick)
        found.append(Served(segment, tuple(ports)))
    _await(starting, tick)
    return found


def _lay_out(folder: Path, segment: Segment, took_s: list[float], process: int, delay_ms: float) -> Path:
    version = folder / segment.service / "1"
    version.mkdir(parents=True)
    config = CONFIG.format(name=segment.service, batch=segment.batch, delay_us=int(delay_ms * 1000))
    (version.parent / "config.pbtxt").write_text(config)
    shutil.copyfile(Path(__file__).with_name("sleeper.py"), version / "model.py")
    (version / "sleeper.json").write_text(json.dumps({"took_s": took_s, "process": process}))
    return folder


def _spawn(plane: Plane, name: str, repository: Path) -> int:
    http, port, metrics = free_port(), free_port(), free_port()
    options = {
        "model-repository": repository,
        "http-address": "127.0.0.1",
        "grpc-address": "127.0.0.1",
        "http-port": http,
        "grpc-port": port,
        "metrics-port": metrics,
        "allow-metrics": "false",
        "http-thread-count": 1,
    }
    flags = [f"--{flag}={value}" for flag, value in options.items()]
    threads = {"OMP_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
    plane.spawn(name, [str(TRITON), *flags, "--disable-auto-complete-config"], threads)
    return port


def _await(starting: list[tuple[str, int]], tick: Callable[[], None], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while starting:
        name, port = starting.pop()
        while not _ready(name, port):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the Triton of {name} did not become ready within {timeout_s:g} s")
            time.sleep(0.1)
        tick()


def _ready(name: str, port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            return bool(stub.ModelReady(service_pb2.ModelReadyRequest(name=name), timeout=2).ready)
        except grpc.RpcError:
            return False


def processes(plan: Plan) -> int:
    """How many Tritons a plan takes."""
    return sum(one.segment.processes for one in plan.placed)


def by_service(served: Iterable[Served]) -> dict[str, list[Served]]:
    """Each service's segments."""
    found: dict[str, list[Served]] = {}
    for one in served:
        found.setdefault(one.segment.service, []).append(one)
    return found
