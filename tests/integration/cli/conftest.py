"""The command, run in this process against a fake of the API and against the real controller."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from sliceplane.cli.main import run
from tests.fakes.api_server import serving
from tests.fakes.api_state import ApiState

START_S = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SLICEPLANE_SERVER", raising=False)


@pytest.fixture
def api() -> ApiState:
    return ApiState()


@pytest.fixture
def fake(api: ApiState) -> Iterator[str]:
    with serving(api) as address:
        yield address


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real controller on a Postgres of its own."""
    folder = tmp_path_factory.mktemp("controller")
    ports = folder / "ports.json"
    command = [sys.executable, "-m", "controller.main", "--state-dir", str(folder / "state"), "--port-file", str(ports)]
    anywhere = [
        "--listen",
        "127.0.0.1:0",
        "--xds-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--drain-seconds",
        "0.3",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen([*command, *anywhere], stdout=log, stderr=log) as process:
        try:
            end = time.monotonic() + START_S
            while not ports.exists():
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, "the controller did not start"
                time.sleep(0.1)
            yield f"127.0.0.1:{json.loads(ports.read_text())['api']}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(params=["fake", "controller"])
def server(request: pytest.FixtureRequest) -> str:
    """The fake and the real one in turn."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `sliceplane ARGUMENTS...`, with `stdin` if given, and returns how it ended."""

    def call(*arguments: object, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfd.readouterr()
        code = run([str(one) for one in arguments])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return call


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """A small batchable ONNX model, its bytes different in each test."""
    shape = ["n", 4]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], tmp_path.name, [x], [y])
    path = tmp_path / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
