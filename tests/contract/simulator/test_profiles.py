"""Profiles and devices as NVML tells them."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_uint
from pathlib import Path
from typing import Any

import pynvml as nvml
import pytest

from simulator import host
from tests.contract.simulator.gpu import GEOMETRY, Gpu, code

pytestmark = pytest.mark.contract

# NVML's enum: id, name, GPCs, most instances, SMs, memory MB; NVIDIA's MIG user guide, A100 80 GB.
PROFILES = {
    0: (19, "MIG 1g.10gb", 1, 7, 14, 9856),
    1: (14, "MIG 2g.20gb", 2, 3, 28, 19968),
    2: (9, "MIG 3g.40gb", 3, 2, 42, 40192),
    3: (5, "MIG 4g.40gb", 4, 1, 56, 40192),
    4: (0, "MIG 7g.80gb", 7, 1, 98, 80384),
    7: (20, "MIG 1g.10gb+me", 1, 1, 14, 9856),
    9: (15, "MIG 1g.20gb", 1, 4, 14, 19968),
}


def _infos(gpu: Gpu, version: int = 2) -> dict[int, Any]:
    found = {}
    for enum in range(nvml.NVML_GPU_INSTANCE_PROFILE_COUNT):
        if code(nvml.nvmlDeviceGetGpuInstanceProfileInfo, gpu.handle, enum) == nvml.NVML_SUCCESS:
            found[enum] = nvml.nvmlDeviceGetGpuInstanceProfileInfo(gpu.handle, enum, version)
    return found


def test_profiles_of_the_80_gb_board(gpu: Gpu) -> None:
    """The profiles, and no others, have the ids, names and sizes of the MIG user guide."""
    told = {
        enum: (p.id, p.name, p.sliceCount, p.instanceCount, p.multiprocessorCount, p.memorySizeMB)
        for enum, p in _infos(gpu).items()
    }
    assert told == PROFILES


def test_first_version_tells_the_same(gpu: Gpu) -> None:
    """The older struct has the same ids, slices and memory."""
    told = {e: (p.id, p.sliceCount, p.memorySizeMB) for e, p in _infos(gpu, version=1).items()}
    assert told == {enum: (p[0], p[2], p[5]) for enum, p in PROFILES.items()}


def test_profile_by_id(gpu: Gpu) -> None:
    """A profile is found by its id as by its enum."""
    for identity, name, *_ in PROFILES.values():
        assert nvml.nvmlDeviceGetGpuInstanceProfileInfoById(gpu.handle, identity).name == name


def test_possible_placements(gpu: Gpu) -> None:
    """Each profile tells its legal starts and its size in memory slices, however full the GPU is."""
    gpu.create(0, 0)
    for profile, (_, slices, starts) in GEOMETRY.items():
        places = (nvml.c_nvmlGpuInstancePlacement_t * 8)()
        count = c_uint(8)
        nvml.nvmlDeviceGetGpuInstancePossiblePlacements(gpu.handle, profile, places, byref(count))
        assert [(p.start, p.size) for p in places[: count.value]] == [(start, slices) for start in starts]


def test_40_gb_board(session: Callable[..., Gpu]) -> None:
    """The 40 GB board has the same profiles with half the memory, in size and in name."""
    gpu = session(product="A100-SXM4-40GB")
    infos = _infos(gpu)
    assert [p.name for p in infos.values()][:5] == [
        "MIG 1g.5gb",
        "MIG 2g.10gb",
        "MIG 3g.20gb",
        "MIG 4g.20gb",
        "MIG 7g.40gb",
    ]
    assert [p.memorySizeMB * 2 for p in infos.values()] == [p[5] for p in PROFILES.values()]


def test_a_driver_that_renamed_its_profiles(gpu: Gpu, folder: Path) -> None:
    """Names may follow the exact memory, as some drivers' do (mig-parted #31); sizes and ids stay."""
    host.inject(folder, 0, "renamed")
    infos = _infos(gpu)
    assert infos[2].name == "MIG 3g.39gb"
    assert [p.id for p in infos.values()] == [p[0] for p in PROFILES.values()]


def test_identity_of_gpus(gpu: Gpu) -> None:
    """GPUs tell name, memory, bus id and index, and are found by UUID and index."""
    assert nvml.nvmlDeviceGetCount() == 2
    first, second = gpu.handle, Gpu(1).handle
    assert nvml.nvmlDeviceGetName(first) == host.PRODUCT
    assert nvml.nvmlDeviceGetMemoryInfo(first).total == nvml.nvmlDeviceGetMemoryInfo(first, nvml.nvmlMemory_v2).total
    assert nvml.nvmlDeviceGetPciInfo(first).busId != nvml.nvmlDeviceGetPciInfo(second).busId
    assert nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleByUUID(nvml.nvmlDeviceGetUUID(second))) == 1
    assert nvml.nvmlDeviceGetMinorNumber(second) == 1
    assert nvml.nvmlSystemGetDriverVersion() == host.DRIVER
    assert code(nvml.nvmlDeviceGetHandleByIndex, 2) == nvml.NVML_ERROR_INVALID_ARGUMENT
    assert code(nvml.nvmlDeviceGetHandleByUUID, "GPU-none") == nvml.NVML_ERROR_NOT_FOUND


def test_sensors(gpu: Gpu, session: Callable[..., Gpu]) -> None:
    """Temperature and power are told; utilisation is not, on a GPU in MIG mode."""
    assert 0 < nvml.nvmlDeviceGetTemperature(gpu.handle, nvml.NVML_TEMPERATURE_GPU) < 90
    assert 0 < nvml.nvmlDeviceGetPowerUsage(gpu.handle) < nvml.nvmlDeviceGetEnforcedPowerLimit(gpu.handle)
    assert code(nvml.nvmlDeviceGetUtilizationRates, gpu.handle) == nvml.NVML_ERROR_NOT_SUPPORTED


def test_nothing_without_a_session(gpu: Gpu) -> None:
    """After the last shutdown calls answer UNINITIALIZED."""
    nvml.nvmlShutdown()
    assert code(nvml.nvmlDeviceGetCount) == nvml.NVML_ERROR_UNINITIALIZED
    nvml.nvmlInit()


def test_no_host_no_driver(built: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a host the driver is not loaded; with a state of a later version the library says it is another one's."""
    host.load_library()
    monkeypatch.setenv("SLICEPLANE_SIM_STATE", str(tmp_path))
    assert code(nvml.nvmlInit) == nvml.NVML_ERROR_DRIVER_NOT_LOADED
    (tmp_path / "host.state").write_text("sliceplane-sim 2\n")
    assert code(nvml.nvmlInit) == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
