"""Faults as NVML shows them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml as nvml
import pytest

from simulator import host
from tests.contract.simulator.gpu import Gpu, code

pytestmark = pytest.mark.contract


def test_destroying_fails_in_use_so_many_times(gpu: Gpu, folder: Path) -> None:
    """A monitor that holds a handle makes the next destructions fail (DCGM #276); then they work."""
    gi, ci, _ = gpu.create_full(9, 0)
    host.inject(folder, 0, "gi-in-use=2")
    nvml.nvmlComputeInstanceDestroy(ci)
    answers = [code(nvml.nvmlGpuInstanceDestroy, gi) for _ in range(3)]
    assert answers == [nvml.NVML_ERROR_IN_USE, nvml.NVML_ERROR_IN_USE, nvml.NVML_SUCCESS]


def test_compute_creation_fails_so_many_times(gpu: Gpu, folder: Path) -> None:
    """A compute instance's creation may fail with the GPU instance left behind (dra-driver-nvidia-gpu #1452)."""
    host.inject(folder, 0, "ci-fail=1")
    gi = gpu.create(9, 0)
    answers = [code(nvml.nvmlGpuInstanceCreateComputeInstance, gi, 2) for _ in range(2)]
    assert answers == [nvml.NVML_ERROR_UNKNOWN, nvml.NVML_SUCCESS]
    assert len(gpu.instances()) == 1


def test_lost_gpu(gpu: Gpu, folder: Path) -> None:
    """Calls on a lost GPU answer GPU_IS_LOST, by old handles and new ones; its neighbour goes on."""
    handle, (gi, ci, uuid) = gpu.handle, gpu.create_full(9, 0)
    host.inject(folder, 0, "gpu-lost")
    calls: list[tuple[Callable[..., Any], Any]] = [
        (nvml.nvmlDeviceGetUUID, handle),
        (nvml.nvmlGpuInstanceDestroy, gi),
        (nvml.nvmlComputeInstanceGetInfo_v2, ci),
        (nvml.nvmlDeviceGetHandleByIndex, 0),
        (nvml.nvmlDeviceGetHandleByUUID, uuid),
    ]
    assert {code(call, argument) for call, argument in calls} == {nvml.NVML_ERROR_GPU_IS_LOST}
    assert nvml.nvmlDeviceGetCount() == 2
    Gpu(1).create(0, 0)
    host.inject(folder, 0, "gpu-back")
    assert nvml.nvmlDeviceGetHandleByUUID(uuid)


def _listen(handle: Any) -> Any:
    events = nvml.nvmlEventSetCreate()
    nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)
    return events


def test_xid_errors_reach_everyone_who_listens(gpu: Gpu, folder: Path) -> None:
    """Each listener gets each XID error of its GPUs once, in order, and none from before it listened."""
    host.inject(folder, 0, "xid=31")
    both = [_listen(gpu.handle), _listen(gpu.handle)]
    host.inject(folder, 1, "xid=48")
    host.inject(folder, 0, "xid=74")
    host.inject(folder, 0, "gpu-lost")
    for events in both:
        heard = [nvml.nvmlEventSetWait(events, 1000).eventData for _ in range(2)]
        assert heard == [74, 79]
        assert code(nvml.nvmlEventSetWait, events, 30) == nvml.NVML_ERROR_TIMEOUT
        nvml.nvmlEventSetFree(events)


def test_only_the_last_events_are_kept(gpu: Gpu, folder: Path) -> None:
    """A host that errs for ever keeps a bounded state, and the last errors are delivered."""
    events = _listen(gpu.handle)
    for xid in range(1, 51):
        host.inject(folder, 0, f"xid={xid}")
    heard = []
    while code(nvml.nvmlDeviceGetCount) == 0:
        try:
            heard.append(nvml.nvmlEventSetWait(events, 0).eventData)
        except nvml.NVMLError_Timeout:
            break
    assert heard == list(range(19, 51))


def test_a_slow_gpu_holds_up_its_callers_only(
    gpu: Gpu, folder: Path, worker: Callable[[str], subprocess.Popen[str]]
) -> None:
    """While a call waits on a slow GPU, calls on its neighbour answer at once."""
    host.inject(folder, 0, "delay-ms=1500")
    slow = worker(
        "import pynvml as n; n.nvmlInit(); print('go'); n.nvmlDeviceGetHandleByIndex(0); print('done', flush=True)"
    )
    assert slow.stdout is not None
    assert slow.stdout.readline() == "go\n"
    began = time.monotonic()
    assert Gpu(1).instances() == []
    assert time.monotonic() - began < 0.7
    assert slow.poll() is None
    assert slow.stdout.readline() == "done\n"
    assert time.monotonic() - began > 0.7
