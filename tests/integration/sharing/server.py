"""A real Triton on a simulated host, for a while."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from simulator import host

REPO = Path(__file__).resolve().parents[3]
TRITON = REPO / "build" / "simulator" / "bin" / "tritonserver"


@contextmanager
def running(command: Sequence[str], port: int, models: Sequence[str], folder: Path) -> Iterator[str]:
    """The address, on loopback at `port`, of a Triton with these models ready; it is ended afterwards."""
    if not TRITON.exists():
        pytest.skip("the CPU build of Triton is not installed: make install")
    host.create(folder / "host", gpus=1)
    environment = {**os.environ, **host.environment(folder / "host"), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        full = [str(TRITON), *command[1:]]
        process = subprocess.Popen(full, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _await_ready(process, f"127.0.0.1:{port}", models, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder / "host", ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _await_ready(process: subprocess.Popen[bytes], address: str, models: Sequence[str], log: Path) -> None:
    deadline = time.monotonic() + 60
    with triton.InferenceServerClient(address) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if all(client.is_model_ready(name) for name in models):
                    return
            except triton.InferenceServerException:
                time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])
