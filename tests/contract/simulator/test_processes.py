"""Several processes on one simulated host: one state, locked, whole at every moment."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pynvml as nvml
import pytest

from tests.contract.simulator.gpu import GEOMETRY, Gpu, code

pytestmark = pytest.mark.contract

Worker = Callable[[str], subprocess.Popen[str]]

RACER = """
import sys
import pynvml as n
from tests.contract.simulator.gpu import Gpu, code
n.nvmlInit()
print("ready")
for line in sys.stdin:
    print(code(Gpu(0).create, *map(int, line.split())))
"""

CHURNER = """
import pynvml as n
from tests.contract.simulator.gpu import Gpu
n.nvmlInit()
print("ready")
while True:
    made = [Gpu(0).create_full(14, start) for start in (0, 2)]
    for gi, ci, _ in made:
        n.nvmlComputeInstanceDestroy(ci)
        n.nvmlGpuInstanceDestroy(gi)
"""


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_see_each_others_instances(gpu: Gpu, worker: Worker) -> None:
    """What one process makes, another finds, with the same UUID."""
    other = worker(
        "import pynvml as n; from tests.contract.simulator.gpu import Gpu; n.nvmlInit(); "
        "print(Gpu(1).create_full(9, 4)[2])"
    )
    uuid = _hear(other)
    assert nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetMigDeviceHandleByIndex(Gpu(1).handle, 0)) == uuid
    assert Gpu(1).instances() == [(9, 4, 4)]


def test_racing_for_one_slot_has_one_winner(gpu: Gpu, worker: Worker) -> None:
    """Of two processes that create in one place at once exactly one succeeds, and the other is told why."""
    racers = [worker(RACER), worker(RACER)]
    assert [_hear(racer) for racer in racers] == ["ready", "ready"]
    for start in (*range(7), *range(7), *range(7)):
        for racer in racers:
            _say(racer, f"19 {start}")
        answers = sorted(int(_hear(racer)) for racer in racers)
        assert answers == [nvml.NVML_SUCCESS, nvml.NVML_ERROR_INSUFFICIENT_RESOURCES]
        if start == 6:
            assert len(gpu.instances()) == 7
            gpu.clear()


def test_kill_9_at_any_moment_leaves_a_whole_state(gpu: Gpu, folder: Path, worker: Worker) -> None:
    """A process killed in the middle of its changes leaves a state that is legal, readable and not locked."""
    moments = random.Random(7)
    for _ in range(12):
        churner = worker(CHURNER)
        assert _hear(churner) == "ready"
        time.sleep(moments.uniform(0.01, 0.06))
        churner.kill()
        churner.wait()
        taken = [slot for _, start, size in gpu.instances() for slot in range(start, start + size)]
        assert len(taken) == len(set(taken))
        for profile in GEOMETRY:
            for gi in gpu.handles(profile):
                if code(nvml.nvmlGpuInstanceDestroy, gi) == nvml.NVML_ERROR_IN_USE:
                    nvml.nvmlComputeInstanceDestroy(nvml.nvmlGpuInstanceGetComputeInstanceById(gi, 0))
                    nvml.nvmlGpuInstanceDestroy(gi)
        assert gpu.instances() == []


def _client(folder: Path, pid: int, uuid: str) -> None:
    """Registers a process as the simulated tritonserver does itself."""
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]
    (folder / "clients").mkdir(exist_ok=True)
    (folder / "clients" / str(pid)).write_text(f"{start} {uuid}\n")


def test_a_device_in_use_cannot_be_destroyed(gpu: Gpu, folder: Path, worker: Worker) -> None:
    """A compute instance that a living process uses is IN_USE, and NVML names the process; a dead one frees it."""
    gi, ci, uuid = gpu.create_full(14, 0)
    user = worker("input()")
    _client(folder, user.pid, uuid)
    listed = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByUUID(uuid))
    assert [(p.pid, p.gpuInstanceId, p.computeInstanceId, p.usedGpuMemory) for p in listed] == [(user.pid, 3, 0, None)]
    assert [p.pid for p in nvml.nvmlDeviceGetComputeRunningProcesses(gpu.handle)] == [user.pid]
    assert nvml.nvmlDeviceGetComputeRunningProcesses(Gpu(1).handle) == []
    assert code(nvml.nvmlComputeInstanceDestroy, ci) == nvml.NVML_ERROR_IN_USE
    user.kill()
    while Path(f"/proc/{user.pid}/stat").read_text().rpartition(") ")[2][0] != "Z":
        time.sleep(0.01)
    nvml.nvmlComputeInstanceDestroy(ci)
    nvml.nvmlGpuInstanceDestroy(gi)
    assert not list((folder / "clients").iterdir())


def test_a_pid_used_again_is_not_the_same_process(gpu: Gpu, folder: Path, worker: Worker) -> None:
    """A process that happens to have a dead client's pid holds no device."""
    _, ci, uuid = gpu.create_full(19, 0)
    user = worker("input()")
    (folder / "clients").mkdir()
    (folder / "clients" / str(user.pid)).write_text(f"1 {uuid}\n")
    nvml.nvmlComputeInstanceDestroy(ci)
