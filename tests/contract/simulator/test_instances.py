"""Life of GPU instances, compute instances and MIG devices."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_uint
from pathlib import Path

import pynvml as nvml
import pytest

from simulator import host
from tests.contract.simulator.gpu import Gpu, code, uuid_of

pytestmark = pytest.mark.contract


def test_full_compute_instance_is_a_mig_device(gpu: Gpu) -> None:
    """The MIG device of a compute instance tells its parent, ids, name, memory and multiprocessors."""
    gi, ci, uuid = gpu.create_full(9, 4)
    mig = nvml.nvmlDeviceGetHandleByUUID(uuid)
    assert uuid.startswith("MIG-")
    assert nvml.nvmlDeviceIsMigDeviceHandle(mig).value == 1
    assert nvml.nvmlDeviceGetName(mig) == f"{host.PRODUCT} MIG 3g.40gb"
    attributes = nvml.nvmlDeviceGetAttributes(mig)
    assert (attributes.multiprocessorCount, attributes.memorySizeMB) == (42, 40192)
    assert (attributes.gpuInstanceSliceCount, attributes.computeInstanceSliceCount) == (3, 3)
    assert nvml.nvmlDeviceGetMemoryInfo(mig).total == 40192 << 20
    assert nvml.nvmlDeviceGetGpuInstanceId(mig) == nvml.nvmlGpuInstanceGetInfo(gi).id
    assert nvml.nvmlDeviceGetComputeInstanceId(mig) == nvml.nvmlComputeInstanceGetInfo_v2(ci).id
    parent = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig)
    assert nvml.nvmlDeviceGetUUID(parent) == nvml.nvmlDeviceGetUUID(gpu.handle)


def test_mig_devices_by_index(gpu: Gpu) -> None:
    """MIG devices are listed by index below the maximum count, and those beyond the last are not found."""
    uuids = {gpu.create_full(14, start)[2] for start in (0, 2)}
    handles = [nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu.handle, index) for index in (0, 1)]
    assert {nvml.nvmlDeviceGetUUID(handle) for handle in handles} == uuids
    assert nvml.nvmlDeviceGetMaxMigDeviceCount(gpu.handle) == 7
    assert code(nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu.handle, 2) == nvml.NVML_ERROR_NOT_FOUND
    assert code(nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu.handle, 7) == nvml.NVML_ERROR_INVALID_ARGUMENT


def test_uuid_is_stable_and_new_for_each_compute_instance(gpu: Gpu) -> None:
    """A compute instance keeps its UUID as long as it lives, and its successor has another."""
    gi, ci, uuid = gpu.create_full(19, 0)
    assert uuid_of(nvml.nvmlGpuInstanceGetComputeInstanceById(gi, 0)) == uuid
    nvml.nvmlComputeInstanceDestroy(ci)
    assert uuid_of(nvml.nvmlGpuInstanceCreateComputeInstance(gi, 0)) != uuid
    assert code(nvml.nvmlDeviceGetHandleByUUID, uuid) == nvml.NVML_ERROR_NOT_FOUND


def test_gpu_instance_with_compute_instances_is_in_use(gpu: Gpu) -> None:
    """A GPU instance goes only after its compute instances."""
    gi, ci, _ = gpu.create_full(5, 0)
    assert code(nvml.nvmlGpuInstanceDestroy, gi) == nvml.NVML_ERROR_IN_USE
    nvml.nvmlComputeInstanceDestroy(ci)
    nvml.nvmlGpuInstanceDestroy(gi)
    assert gpu.instances() == []


def test_a_handle_dies_with_its_instance(gpu: Gpu) -> None:
    """A handle to a destroyed instance never names its successor, though that has the same id."""
    gi, ci, _ = gpu.create_full(19, 3)
    nvml.nvmlComputeInstanceDestroy(ci)
    nvml.nvmlGpuInstanceDestroy(gi)
    successor, _, _ = gpu.create_full(19, 3)
    assert nvml.nvmlGpuInstanceGetInfo(successor).id == 7
    assert code(nvml.nvmlGpuInstanceGetInfo, gi) == nvml.NVML_ERROR_NOT_FOUND
    assert code(nvml.nvmlComputeInstanceGetInfo_v2, ci) == nvml.NVML_ERROR_NOT_FOUND
    assert code(nvml.nvmlGpuInstanceDestroy, gi) == nvml.NVML_ERROR_NOT_FOUND
    assert len(gpu.instances()) == 1


def test_instance_ids_as_drivers_number_them(gpu: Gpu) -> None:
    """The whole GPU's instance is 0, halves begin at 1, quarters at 3, eighths at 7; ids are found again."""
    for profile, start, expected in ((9, 0, 1), (14, 4, 3), (19, 6, 7)):
        assert nvml.nvmlGpuInstanceGetInfo(gpu.create(profile, start)).id == expected
        assert nvml.nvmlGpuInstanceGetInfo(nvml.nvmlDeviceGetGpuInstanceById(gpu.handle, expected)).profileId == profile
    assert nvml.nvmlGpuInstanceGetInfo(Gpu(1).create(0, 0)).id == 0
    assert code(nvml.nvmlDeviceGetGpuInstanceById, gpu.handle, 2) == nvml.NVML_ERROR_NOT_FOUND


def test_parts_of_a_gpu_instance(gpu: Gpu) -> None:
    """Compute instances share a GPU instance's GPCs, at places of their own, and no further than they last."""
    gi = gpu.create(5, 0)
    assert nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, 0, 0).name == "MIG 1c.4g.40gb"
    assert nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(gi, 3, 0).name == "MIG 4g.40gb"
    first = nvml.nvmlGpuInstanceCreateComputeInstance(gi, 1)
    place = nvml.c_nvmlComputeInstancePlacement_t(3, 1)
    second = nvml.nvmlGpuInstanceCreateComputeInstanceWithPlacement(gi, 0, byref(place))
    assert nvml.nvmlGpuInstanceGetComputeInstanceRemainingCapacity(gi, 0) == 1
    assert code(nvml.nvmlGpuInstanceCreateComputeInstance, gi, 1) == nvml.NVML_ERROR_INSUFFICIENT_RESOURCES
    infos = [nvml.nvmlComputeInstanceGetInfo_v2(ci) for ci in (first, second)]
    assert [(i.id, i.placement.start, i.placement.size) for i in infos] == [(0, 0, 2), (1, 3, 1)]
    assert nvml.nvmlDeviceGetName(infos[1].device).endswith("MIG 1c.4g.40gb")
    found = (nvml.c_nvmlComputeInstance_t * 8)()
    count = c_uint()
    nvml.nvmlGpuInstanceGetComputeInstances(gi, 1, found, byref(count))
    assert [uuid_of(ci) for ci in found[: count.value]] == [uuid_of(first)]


def test_compute_profiles_larger_than_the_instance(gpu: Gpu) -> None:
    """A compute instance profile that the GPU instance has no GPCs for is not supported, its creation impossible."""
    gi = gpu.create(14, 0)
    offered = [p for p in range(5) if code(nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo, gi, p, 0) == 0]
    assert offered == [0, 1]
    assert code(nvml.nvmlGpuInstanceCreateComputeInstance, gi, 4) == nvml.NVML_ERROR_INSUFFICIENT_RESOURCES


def test_mode_off(session: Callable[..., Gpu]) -> None:
    """With MIG mode off nothing about MIG is supported; setting it waits for a reset, and says so."""
    gpu = session(mig=False)
    assert nvml.nvmlDeviceGetMigMode(gpu.handle) == [0, 0]
    assert code(nvml.nvmlDeviceGetGpuInstanceProfileInfo, gpu.handle, 0) == nvml.NVML_ERROR_NOT_SUPPORTED
    assert code(gpu.create, 19, 0) == nvml.NVML_ERROR_NOT_SUPPORTED
    assert nvml.nvmlDeviceGetMaxMigDeviceCount(gpu.handle) == 0
    assert nvml.nvmlDeviceSetMigMode(gpu.handle, 1) == nvml.NVML_ERROR_IN_USE
    assert nvml.nvmlDeviceGetMigMode(gpu.handle) == [0, 1]
    assert code(gpu.create, 19, 0) == nvml.NVML_ERROR_NOT_SUPPORTED
    assert nvml.nvmlDeviceGetUtilizationRates(gpu.handle).gpu == 0


def test_reset_makes_the_pending_mode_current(session: Callable[..., Gpu], folder: Path) -> None:
    """After a reset the mode that was pending is on, and instances are gone."""
    gpu = session(mig=False)
    nvml.nvmlDeviceSetMigMode(gpu.handle, 1)
    host.inject(folder, 0, "reset")
    assert nvml.nvmlDeviceGetMigMode(gpu.handle) == [1, 1]
    assert nvml.nvmlDeviceSetMigMode(gpu.handle, 1) == nvml.NVML_SUCCESS
    gpu.create_full(19, 0)
    assert code(nvml.nvmlDeviceSetMigMode, gpu.handle, 0) == nvml.NVML_ERROR_IN_USE
    host.inject(folder, 0, "reset")
    assert gpu.instances() == []


def test_a_board_without_mig(session: Callable[..., Gpu]) -> None:
    """A board that cannot be split answers NOT_SUPPORTED, beside one that can (dra-driver #1092)."""
    gpu = session(product=["Tesla T4", "A100-SXM4-80GB"])
    assert nvml.nvmlDeviceGetName(gpu.handle) == "Tesla T4"
    assert code(nvml.nvmlDeviceGetMigMode, gpu.handle) == nvml.NVML_ERROR_NOT_SUPPORTED
    assert code(nvml.nvmlDeviceSetMigMode, gpu.handle, 1) == nvml.NVML_ERROR_NOT_SUPPORTED
    Gpu(1).create(0, 0)


def test_wrong_handles(gpu: Gpu) -> None:
    """A handle of another kind is an invalid argument."""
    gi, _, uuid = gpu.create_full(19, 0)
    mig = nvml.nvmlDeviceGetHandleByUUID(uuid)
    assert code(nvml.nvmlDeviceGetMigMode, mig) == nvml.NVML_ERROR_INVALID_ARGUMENT
    assert code(nvml.nvmlDeviceGetGpuInstanceId, gpu.handle) == nvml.NVML_ERROR_INVALID_ARGUMENT
    assert code(nvml.nvmlComputeInstanceDestroy, gi) == nvml.NVML_ERROR_INVALID_ARGUMENT
