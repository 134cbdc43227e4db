"""The GPUs through NVML: the only place that imports pynvml. Calls block; the agent runs them in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_uint
from typing import Any

import pynvml as nvml

from common.errors import Conflict, Unavailable
from node_agent.model import Gpu, Instance, MigProfile, SegmentSpec

PROFILES = range(32)  # NVML's enum of GPU instance profiles grows with drivers: ask for each, some answer
MAX_INSTANCES = 64
ENGINES_SHARED = 0  # NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED


class Nvml:
    """One long NVML session. Unavailable if there is no driver."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, str]] = {}  # by index: UUID and product, for when it is lost
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise Unavailable(f"NVML does not start: {error}; is the NVIDIA driver installed and loaded?") from error

    def close(self) -> None:
        """Ends the session."""
        nvml.nvmlShutdown()

    def driver_version(self) -> str:
        """The driver's version."""
        return str(_text(nvml.nvmlSystemGetDriverVersion()))

    def observe(self) -> tuple[Gpu, ...]:
        """Every GPU; one that NVML cannot talk to is unhealthy with the reason."""
        return tuple(self._gpu(index) for index in range(nvml.nvmlDeviceGetCount()))

    def create_instance(self, spec: SegmentSpec) -> int:
        """Makes the GPU instance at exactly its start, or finds it made."""
        with _translated():
            device = _device(spec.gpu_uuid)
            profile = _profile_of(device, spec)
            for gi in _instances(device, profile.id):
                if nvml.nvmlGpuInstanceGetInfo(gi).placement.start == spec.start:
                    return int(nvml.nvmlGpuInstanceGetInfo(gi).id)
            placement = nvml.c_nvmlGpuInstancePlacement_t(spec.start, spec.memory_slices)
            made = nvml.nvmlDeviceCreateGpuInstanceWithPlacement(device, profile.id, byref(placement))
            return int(nvml.nvmlGpuInstanceGetInfo(made).id)

    def create_compute(self, spec: SegmentSpec, gi: int) -> tuple[int, str]:
        """Makes the one compute instance over the whole GPU instance, or finds it made."""
        with _translated():
            instance = nvml.nvmlDeviceGetGpuInstanceById(_device(spec.gpu_uuid), gi)
            found = next(_computes(instance), None)
            if found is None:
                found = nvml.nvmlGpuInstanceCreateComputeInstance(instance, _full_compute(instance, spec.gpcs))
            info = nvml.nvmlComputeInstanceGetInfo_v2(found)
            return int(info.id), _text(nvml.nvmlDeviceGetUUID(info.device))

    def destroy(self, spec: SegmentSpec, gi: int) -> None:
        """Destroys compute instances, then the GPU instance; what is gone already is fine."""
        with _translated():
            try:
                instance = nvml.nvmlDeviceGetGpuInstanceById(_device(spec.gpu_uuid), gi)
            except nvml.NVMLError_NotFound:
                return
            for compute in list(_computes(instance)):
                nvml.nvmlComputeInstanceDestroy(compute)
            nvml.nvmlGpuInstanceDestroy(instance)

    def _gpu(self, index: int) -> Gpu:
        uuid, product, memory = "", "", 0
        try:
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, product = _text(nvml.nvmlDeviceGetUUID(device)), _text(nvml.nvmlDeviceGetName(device))
            self._known[index] = uuid, product
            memory = int(nvml.nvmlDeviceGetMemoryInfo(device).total)
            return _observed(device, index, uuid, product, memory)
        except nvml.NVMLError as error:
            uuid, product = (uuid, product) if uuid else self._known.get(index, (f"unknown-{index}", product))
            return Gpu(uuid, index, product, memory, True, False, f"NVML cannot talk to it: {error}")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _observed(device: Any, index: int, uuid: str, product: str, memory: int) -> Gpu:
    try:
        current, pending = nvml.nvmlDeviceGetMigMode(device)
    except nvml.NVMLError_NotSupported:
        return Gpu(uuid, index, product, memory, False, False, "it cannot be split: its kind has no MIG")
    if not current:
        how = "is set and wants a reset of the GPU" if pending else "is off: nvidia-smi -mig 1, then reset the GPU"
        return Gpu(uuid, index, product, memory, False, False, f"MIG mode {how}")
    profiles = tuple(_profiles(device))
    instances = tuple(sorted(_seen(device, profiles), key=lambda instance: instance.start))
    return Gpu(uuid, index, product, memory, True, True, "", profiles, instances)


def _profiles(device: Any) -> Iterator[MigProfile]:
    for enum in PROFILES:
        try:
            info = nvml.nvmlDeviceGetGpuInstanceProfileInfo(device, enum)
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_InvalidArgument):
            continue
        places = (nvml.c_nvmlGpuInstancePlacement_t * MAX_INSTANCES)()
        count = c_uint(MAX_INSTANCES)
        nvml.nvmlDeviceGetGpuInstancePossiblePlacements(device, info.id, places, byref(count))
        starts = tuple(sorted(int(place.start) for place in places[: count.value]))
        if not starts:
            continue
        name, memory = _text(info.name).removeprefix("MIG "), int(info.memorySizeMB) << 20
        size = int(places[0].size)
        yield MigProfile(name, int(info.sliceCount), size, starts, memory, int(info.id), enum)


def _seen(device: Any, profiles: tuple[MigProfile, ...]) -> Iterator[Instance]:
    for profile in profiles:
        for gi in _instances(device, profile.id):
            info = nvml.nvmlGpuInstanceGetInfo(gi)
            yield Instance(int(info.id), int(info.placement.start), profile.gpcs, int(info.placement.size))


def _instances(device: Any, profile_id: int) -> list[Any]:
    found = (nvml.c_nvmlGpuInstance_t * MAX_INSTANCES)()
    count = c_uint(0)
    nvml.nvmlDeviceGetGpuInstances(device, profile_id, found, byref(count))
    return list(found[: count.value])


def _computes(instance: Any) -> Iterator[Any]:
    for profile in range(nvml.NVML_COMPUTE_INSTANCE_PROFILE_COUNT):
        found = (nvml.c_nvmlComputeInstance_t * MAX_INSTANCES)()
        count = c_uint(0)
        try:
            info = nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(instance, profile, ENGINES_SHARED)
            nvml.nvmlGpuInstanceGetComputeInstances(instance, info.id, found, byref(count))
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_InvalidArgument):
            continue
        yield from found[: count.value]


def _full_compute(instance: Any, gpcs: int) -> int:
    """Id of the compute instance profile that covers the whole GPU instance."""
    for profile in range(nvml.NVML_COMPUTE_INSTANCE_PROFILE_COUNT):
        try:
            info = nvml.nvmlGpuInstanceGetComputeInstanceProfileInfo(instance, profile, ENGINES_SHARED)
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_InvalidArgument):
            continue
        if info.sliceCount == gpcs:
            return int(info.id)
    raise Unavailable(f"this GPU instance offers no compute instance of {gpcs} slices")


def _device(uuid: str) -> Any:
    return nvml.nvmlDeviceGetHandleByUUID(uuid)


def _profile_of(device: Any, spec: SegmentSpec) -> MigProfile:
    """By attributes, not by name (drivers rename profiles); of several, the plain one without media engines."""
    fits = [p for p in _profiles(device) if (p.gpcs, p.memory_slices) == (spec.gpcs, spec.memory_slices)]
    if not fits:
        raise Unavailable(f"this GPU offers no MIG profile of {spec.gpcs} GPCs and {spec.memory_slices} memory slices")
    return min(fits, key=lambda p: ("+" in p.name, p.enum))


@contextmanager
def _translated() -> Iterator[None]:
    """NVML's errors as ours: in use is a Conflict, all others Unavailable; both are tried again."""
    try:
        yield
    except nvml.NVMLError_InUse as error:
        text = "the instance is in use: does a monitor (DCGM, an exporter) hold it?"
        raise Conflict(text, reason="IN_USE") from error
    except nvml.NVMLError as error:
        raise Unavailable(f"NVML refuses: {error}", reason="NVML") from error
