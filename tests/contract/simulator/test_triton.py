"""The CPU build of Triton on a simulated MIG device: what it answers agrees with onnxruntime, batched or not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import psutil
import pynvml as nvml
import pytest
import tritonclient.grpc as triton

from simulator import host
from tests.contract.simulator.conftest import REPO
from tests.contract.simulator.gpu import Gpu, code
from tests.contract.simulator.models import CLASSES, FEATURES, repository

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def installed(built: None) -> None:
    """Triton's CPU build and its packages in build/; takes its time only once."""
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([REPO / "simulator" / "install_triton.sh"], check=True, env=environment)


@dataclass
class Server:
    """A Triton on a 2g MIG device of a host of its own."""

    process: subprocess.Popen[bytes]
    client: Any
    port: int
    metrics_port: int
    state: Path
    models: Path
    uuid: str
    log: Path

    def infer(self, model: str, name: str, array: Any, kind: str = "FP32") -> dict[str, Any]:
        """One request, through a client of its own; outputs by name."""
        with triton.InferenceServerClient(f"127.0.0.1:{self.port}") as client:
            answer = client.infer(model, [triton.InferInput(name, array.shape, kind).set_data_from_numpy(array)])
            return {o.name: answer.as_numpy(o.name) for o in answer.get_response().outputs}

    def at_once(self, model: str, name: str, arrays: list[Any], kind: str = "FP32") -> list[Any]:
        """All requests at the same time; each one's outputs or its error."""

        def one(array: Any) -> Any:
            try:
                return self.infer(model, name, array, kind)
            except triton.InferenceServerException as error:
                return error

        with ThreadPoolExecutor(len(arrays)) as pool:
            return list(pool.map(one, arrays))

    def runs(self, model: str) -> tuple[int, int]:
        """(rows inferred, executions) so far."""
        stats = self.client.get_inference_statistics(model).model_stats[0]
        return stats.inference_count, stats.execution_count

    def direct(self, model: str, array: Any) -> Any:
        """What onnxruntime itself says."""
        session = onnxruntime.InferenceSession(str(self.models / model / "1" / "model.onnx"))
        return session.run(None, {session.get_inputs()[0].name: array})[0]


def _carve(state: Path) -> str:
    """A 2g MIG device, made in a process of its own."""
    program = "import pynvml as n; from tests.contract.simulator.gpu import Gpu; n.nvmlInit(); "
    command = [sys.executable, "-c", program + "print(Gpu(0).create_full(14, 2)[2])"]
    environment = {**os.environ, **host.environment(state), "PYTHONPATH": str(REPO)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def _start(folder: Path, state: Path, models: Path, uuid: str, ports: list[int]) -> subprocess.Popen[bytes]:
    flags = [f"--{name}-port={port}" for name, port in zip(("grpc", "http", "metrics"), ports, strict=True)]
    local = [f"--{name}-address=127.0.0.1" for name in ("grpc", "http", "metrics")]
    command = ["tritonserver", f"--model-repository={models}", "--disable-auto-complete-config", *flags, *local]
    environment = {**os.environ, **host.environment(state), "CUDA_VISIBLE_DEVICES": uuid}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            ["env", *command], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder
        )


@pytest.fixture(scope="module")
def server(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ready server; ended afterwards."""
    folder = tmp_path_factory.mktemp("triton")
    host.create(folder / "host", gpus=1)
    uuid, models, ports = _carve(folder / "host"), repository(folder / "models"), free_ports(3)
    process = _start(folder, folder / "host", models, uuid, ports)
    client = triton.InferenceServerClient(f"127.0.0.1:{ports[0]}")
    try:
        _await_ready(client, process, folder / "log")
        yield Server(process, client, ports[0], ports[2], folder / "host", models, uuid, folder / "log")
    finally:
        client.close()
        process.terminate()
        process.wait(40)


def _await_ready(client: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            if client.is_server_ready() and client.is_model_ready("echo"):
                return
        except triton.InferenceServerException:
            pass
        assert process.poll() is None, log.read_text()[-3000:]
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-3000:])


def _rows(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=(count, FEATURES)).astype(np.float32)


@pytest.mark.parametrize("rows", range(1, 9))
def test_batches_agree_with_onnxruntime(server: Server, rows: int) -> None:
    """A request of each batch size up to the largest gets what onnxruntime answers to the same rows."""
    x = _rows(rows, rows)
    assert np.array_equal(server.infer("dense", "x", x)["y"], server.direct("dense", x))


def test_requests_at_once_run_as_one_batch(server: Server) -> None:
    """Requests that wait together run together, in fewer executions, and each gets its own rows' answer."""
    rows, runs = server.runs("dense")
    inputs = [_rows(count, 20 + count) for count in (1, 2, 3, 1, 1)]
    answers = server.at_once("dense", "x", inputs)
    for x, answer in zip(inputs, answers, strict=True):
        np.testing.assert_allclose(answer["y"], server.direct("dense", x), rtol=1e-5, atol=1e-6)
    assert server.runs("dense")[0] - rows == 8
    assert server.runs("dense")[1] - runs < len(inputs)


def test_too_large_a_batch_is_refused(server: Server) -> None:
    """More rows than max_batch_size is the client's error, and the server goes on."""
    with pytest.raises(triton.InferenceServerException, match="batch-size must be <= 8"):
        server.infer("dense", "x", _rows(9, 1))
    assert server.infer("dense", "x", _rows(1, 1))["y"].shape == (1, CLASSES)


def test_a_static_batch_of_one(server: Server) -> None:
    """A model whose batch axis is 1 works with max_batch_size 0, many requests at once too."""
    inputs = [_rows(1, seed) for seed in range(6)]
    for x, answer in zip(inputs, server.at_once("alone", "x", inputs), strict=True):
        assert np.array_equal(answer["y"], server.direct("alone", x))


def test_a_static_batch_of_one_with_batching(server: Server) -> None:
    """The same model with a max_batch_size runs its rows one after another, to the same answers."""
    inputs = [_rows(count, 40 + count) for count in (1, 3, 2)]
    for x, answer in zip(inputs, server.at_once("alone_batched", "x", inputs), strict=True):
        singles = [server.direct("alone_batched", row[None]) for row in x]
        assert np.array_equal(answer["y"], np.concatenate(singles))


def test_a_failing_request_fails_alone(server: Server) -> None:
    """A request that onnxruntime refuses gets its words in one line; those batched with it get their answers."""
    indices = [np.array([[i]], dtype=np.int64) for i in (0, 99, 3, 7)]
    answers = server.at_once("lookup", "i", indices, "INT64")
    assert isinstance(answers[1], triton.InferenceServerException)
    assert "Gather" in str(answers[1])
    assert "\n" not in str(answers[1])
    assert [answers[k]["row"][0, 0, 0] for k in (0, 2, 3)] == [0, 6, 14]
    assert "Traceback" not in server.log.read_text(errors="replace")


def test_texts(server: Server) -> None:
    """Texts go in and come out as they were, beyond ASCII too."""
    text = np.array([["SN-2041"], ["größe"]], dtype=object)
    answer = server.infer("echo", "text", np.char.encode(text.astype(str), "utf-8").astype(object), "BYTES")
    assert [t.decode() for t in answer["same"].ravel()] == ["SN-2041", "größe"]


def test_the_process_is_the_server_and_uses_the_device(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher's pid is the server's; NVML names it as the device's user, and the device is in use."""
    assert psutil.Process(server.process.pid).name() == "tritonserver"
    host.load_library()
    monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(server.state))
    nvml.nvmlInit()
    listed = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByUUID(server.uuid))
    assert [p.pid for p in listed] == [server.process.pid]
    ci = nvml.nvmlGpuInstanceGetComputeInstanceById(Gpu(0).at(14, 2), 0)
    assert code(nvml.nvmlComputeInstanceDestroy, ci) == nvml.NVML_ERROR_IN_USE
    nvml.nvmlShutdown()


def test_threads_are_the_instances_gpcs(server: Server) -> None:
    """A simulated GPC is one CPU thread, at most as many as the machine has CPUs."""
    gpcs = min(2, os.cpu_count() or 1)
    for child in psutil.Process(server.process.pid).children():
        assert child.environ()["SLICEPLANE_SIM_THREADS"] == str(gpcs)


def _successes(server: Server, model: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    start = f'nv_inference_request_success{{model="{model}",'
    return int(next(line for line in lines if line.startswith(start)).split()[-1])


def test_metrics(server: Server) -> None:
    """The server counts its requests on the metrics port."""
    before = _successes(server, "alone")
    server.infer("alone", "x", _rows(1, 5))
    assert _successes(server, "alone") == before + 1


def test_a_device_that_is_not_there(server: Server, tmp_path: Path) -> None:
    """On a MIG device that does not exist the server does not start, exits non-zero, and says which it misses."""
    process = _start(tmp_path, server.state, server.models, "MIG-0000", free_ports(3))
    assert process.wait(10) == 1
    assert "this host has no MIG-0000" in (tmp_path / "log").read_text()


def test_a_lost_gpu(server: Server, tmp_path: Path) -> None:
    """On a lost GPU nothing new starts."""
    host.inject(server.state, 0, "gpu-lost")
    process = _start(tmp_path, server.state, server.models, server.uuid, free_ports(3))
    assert process.wait(10) == 1
    assert "is lost" in (tmp_path / "log").read_text()
    host.inject(server.state, 0, "gpu-back")


def test_a_model_that_cannot_be_loaded(server: Server, tmp_path: Path) -> None:
    """A file that is no ONNX model ends the server with onnxruntime's reason in the log."""
    broken = tmp_path / "models" / "alone"
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "model.onnx").write_bytes(b"no model")
    (broken / "config.pbtxt").write_text((server.models / "alone" / "config.pbtxt").read_text())
    process = _start(tmp_path, server.state, tmp_path / "models", server.uuid, free_ports(3))
    assert process.wait(60) == 1
    assert "onnxruntime cannot load model.onnx" in (tmp_path / "log").read_text()


def test_sigterm_ends_the_server(server: Server, tmp_path: Path) -> None:
    """SIGTERM ends a server and the stubs of its models."""
    process = _start(tmp_path, server.state, server.models, server.uuid, ports := free_ports(3))
    with triton.InferenceServerClient(f"127.0.0.1:{ports[0]}") as client:
        _await_ready(client, process, tmp_path / "log")
    stubs = psutil.Process(process.pid).children(recursive=True)
    assert stubs
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    assert not psutil.wait_procs(stubs, timeout=5)[1]
