"""A built simulator, hosts in temporary folders, and NVML sessions on them through the real pynvml."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pynvml
import pytest

from simulator import host
from tests.contract.simulator.gpu import Gpu

REPO = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def built() -> None:
    """The library and the MPS stand-in, up to date."""
    subprocess.run([REPO / "simulator" / "build.sh"], check=True)


@pytest.fixture
def folder(built: None, tmp_path: Path) -> Path:
    """Where this test's host lives."""
    return tmp_path / "host"


@pytest.fixture
def session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gpu]]:
    """Makes the host and opens NVML on it: call with `host.create`'s arguments, get its first GPU."""
    opened = 0

    def start(**arguments: object) -> Gpu:
        nonlocal opened
        host.create(folder, **arguments)  # type: ignore[arg-type]
        host.load_library()
        monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(folder))
        pynvml.nvmlInit()
        opened += 1
        return Gpu(0)

    yield start
    for _ in range(opened):
        pynvml.nvmlShutdown()


@pytest.fixture
def gpu(session: Callable[..., Gpu]) -> Gpu:
    """The first of two A100 80 GB in MIG mode."""
    return session()


@pytest.fixture
def environment(folder: Path, built: None) -> dict[str, str]:
    """The environment of processes on the host of this test."""
    return {**os.environ, **host.environment(folder), "PYTHONPATH": str(REPO)}


@pytest.fixture
def worker(environment: dict[str, str]) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a Python program on the host, in a process of its own; pipes on stdin and stdout; ended afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", "-c", program]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
