"""Commands run on the host, and what installing says when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator import host
from tests.contract.simulator.conftest import REPO
from tests.contract.simulator.gpu import Gpu

pytestmark = pytest.mark.contract


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "simulator.host", str(folder), "run", *command]
    return subprocess.run(whole, cwd=REPO, capture_output=True, text=True, timeout=20)


def test_run_finds_nvml(gpu: Gpu, folder: Path) -> None:
    """A command run on the host loads the simulated NVML through an unchanged pynvml."""
    program = "import pynvml as n; n.nvmlInit(); print(n.nvmlDeviceGetCount())"
    assert _run(folder, sys.executable, "-c", program).stdout == "2\n"


def test_run_of_an_unknown_command(gpu: Gpu, folder: Path) -> None:
    """A command that is not there ends with one line and 2."""
    answer = _run(folder, "no-such-command-anywhere")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


def test_status_names_the_users_of_a_device(
    gpu: Gpu, folder: Path, worker: Callable[[str], subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The view names the living processes that use a MIG device, and no dead ones."""
    uuid = gpu.create_full(19, 6)[2]
    user = worker("input()")
    (folder / "clients").mkdir()
    for pid in (user.pid, 2**22 + 1):
        (folder / "clients" / str(pid)).write_text(f"1 {uuid}\n")
    assert host.main([str(folder), "status"]) == 0
    assert f"{uuid} used by {user.pid}\n" in capsys.readouterr().out


def test_a_python_without_a_numpy_that_fits(tmp_path: Path) -> None:
    """Installing Triton under a Python that has no numpy below 2 fails at once and says which Python to take."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 3.13\n")
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python)}
    command = [REPO / "simulator" / "install_triton.sh"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    assert answer.returncode == 1
    assert "this is 3.13: make clean, then make PYTHON=python3.11" in answer.stderr


def test_building_again_changes_nothing(built: None) -> None:
    """Up to date, the build leaves library and daemon as they are."""
    parts = [host.BUILD / "lib" / "libnvidia-ml.so.1", host.BUILD / "bin" / "nvidia-cuda-mps-control"]
    before = [part.stat().st_ino for part in parts]
    subprocess.run([REPO / "simulator" / "build.sh"], check=True)
    assert [part.stat().st_ino for part in parts] == before
