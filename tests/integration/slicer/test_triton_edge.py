"""Tails timed in a real Triton, which is left as it was found."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import onnx
import pytest
from click.testing import CliRunner
from tritonclient.grpc import service_pb2, service_pb2_grpc

from bench.plane import REPO, free_port
from slicer.main import main
from tests.unit.slicer import graphs

TRITON = REPO / "build" / "simulator" / "bin" / "tritonserver"
START_S = 60


@pytest.fixture(params=["explicit", "none"])
def triton(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The mode and gRPC address of a Triton without models."""
    if not TRITON.exists():
        pytest.skip("needs the CPU build of Triton: run make install")
    (tmp_path / "models").mkdir()
    port, mode = free_port(), f"--model-control-mode={request.param}"
    command = [str(TRITON), f"--model-repository={tmp_path / 'models'}", mode, "--disable-auto-complete-config"]
    local = ["--allow-http=false", "--allow-metrics=false", "--grpc-address=127.0.0.1", f"--grpc-port={port}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (tmp_path / "triton.log").open("wb") as log:
        process = subprocess.Popen([*command, *local], env=environment, stdout=log, stderr=log)
    try:
        _await(process, f"127.0.0.1:{port}")
        yield request.param, f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_S
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=2).ready:
                    return
            except grpc.RpcError:
                time.sleep(0.2)
    pytest.fail("Triton did not become ready")


def test_tails_are_timed_in_triton(triton: tuple[str, str], tmp_path: Path) -> None:
    """Every tail, and the whole model, by the server's own clock; a server that takes no models is said in a line."""
    mode, address = triton
    model, target = tmp_path / "chain.onnx", tmp_path / "m.json"
    onnx.save(graphs.chain(), model)
    words = ["measure", str(model), "-o", str(target), "--edge-triton", address, "--level", "raw", "--repeats", "3"]
    ran = CliRunner().invoke(main, words)
    if mode == "none":
        assert ran.exit_code == 2
        assert "--model-control-mode=explicit" in ran.output
        return
    assert ran.exit_code == 0, ran.output
    found = json.loads(target.read_text())
    assert address in found["edge"]
    assert [piece["id"] for piece in found["pieces"]] == ["input", "1:relu1", "3:flat"]
    assert all(piece["edge"]["runs"] == 3 and piece["edge"]["median_ms"] > 0 for piece in found["pieces"])
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        index = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(ready=True))
        assert not index.models
