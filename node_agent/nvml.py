"""The GPUs through NVML: the only place that imports pynvml. Calls block; the agent runs them in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import byref, c_uint
from typing import Any

import pynvml as nvml

from common.errors import Conflict, Unavailable
from node_agent.glances import Glances
from node_agent.holders import holders
from node_agent.model import Fault, Gpu, Instance, MigProfile, SegmentSpec

PROFILES = range(32)  # NVML's enum of GPU instance profiles grows with drivers: ask for each, some answer
MAX_INSTANCES = 64
ENGINES_SHARED = 0  # NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED
# XIDs that a faulty application causes, as NVIDIA's device plugin for Kubernetes has them: the GPU itself is well.
APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 109})
EVENT_WAIT_MS = 500


class Nvml:
    """One long NVML session, handles and profiles kept by UUID. Unavailable if there is no driver."""

    def __init__(self) -> None:
        self._known: dict[int, Gpu] = {}  # by index, as last seen, for when it is lost
        self._devices: dict[str, Any] = {}  # looking one up can take seconds on a busy host
        self._profiles: dict[str, tuple[MigProfile, ...]] = {}
        self._xids: dict[str, int] = {}  # by UUID; a GPU that was lost and is back has been reset, which clears it
        self._lost: set[int] = set()
        self._closing = threading.Event()
        self._glances = Glances(self._gpu)
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise Unavailable(f"NVML does not start: {error}; is the NVIDIA driver installed and loaded?") from error
        self._events = threading.Thread(target=self._hear, name="nvml-events", daemon=True)
        self._events.start()

    def close(self) -> None:
        """Ends the session."""
        self._closing.set()
        self._events.join(EVENT_WAIT_MS / 1000 * 4)
        nvml.nvmlShutdown()

    def driver_version(self) -> str:
        """The driver's version."""
        return str(_text(nvml.nvmlSystemGetDriverVersion()))

    def observe(self) -> tuple[Gpu, ...]:
        """Every GPU; one that NVML cannot talk to is unhealthy with the reason, one that is slow holds up no other."""
        with _translated():
            count = int(nvml.nvmlDeviceGetCount())
        return self._glances.take(range(count))

    def create_instance(self, spec: SegmentSpec) -> int:
        """Makes the GPU instance at exactly its start, or finds it made."""
        with _translated():
            device = self._device(spec.gpu_uuid)
            profile = _profile_of(self._profiles_of(spec.gpu_uuid, device), spec)
            for gi in _instances(device, profile.id):
                if nvml.nvmlGpuInstanceGetInfo(gi).placement.start == spec.start:
                    return int(nvml.nvmlGpuInstanceGetInfo(gi).id)
            placement = nvml.c_nvmlGpuInstancePlacement_t(spec.start, spec.memory_slices)
            made = nvml.nvmlDeviceCreateGpuInstanceWithPlacement(device, profile.id, byref(placement))
            return int(nvml.nvmlGpuInstanceGetInfo(made).id)

    def create_compute(self, spec: SegmentSpec, gi: int) -> tuple[int, str]:
        """Makes the one compute instance over the whole GPU instance, or finds it made."""
        with _translated():
            instance = nvml.nvmlDeviceGetGpuInstanceById(self._device(spec.gpu_uuid), gi)
            found = next(_computes(instance), None)
            if found is None:
                found = nvml.nvmlGpuInstanceCreateComputeInstance(instance, _full_compute(instance, spec.gpcs))
            info = nvml.nvmlComputeInstanceGetInfo_v2(found)
            return int(info.id), _text(nvml.nvmlDeviceGetUUID(info.device))

    def destroy(self, spec: SegmentSpec, gi: int) -> None:
        """Destroys compute instances, then the GPU instance; what is gone already is fine.

        NVML gives an id again: an instance of that id in another place is somebody else's, and ours is gone.
        """
        with _translated():
            try:
                instance = nvml.nvmlDeviceGetGpuInstanceById(self._device(spec.gpu_uuid), gi)
                placement = nvml.nvmlGpuInstanceGetInfo(instance).placement
            except nvml.NVMLError_NotFound:
                return
            if (placement.start, placement.size) != (spec.start, spec.memory_slices):
                return
            for compute in list(_computes(instance)):
                nvml.nvmlComputeInstanceDestroy(compute)
            nvml.nvmlGpuInstanceDestroy(instance)

    def _device(self, uuid: str) -> Any:
        if uuid not in self._devices:
            self._devices[uuid] = nvml.nvmlDeviceGetHandleByUUID(uuid)
        return self._devices[uuid]

    def _profiles_of(self, uuid: str, device: Any) -> tuple[MigProfile, ...]:
        if not self._profiles.get(uuid):
            self._profiles[uuid] = tuple(_profiles(device))
        return self._profiles[uuid]

    def _gpu(self, index: int) -> Gpu:
        blank = Gpu(f"unknown-{index}", index, "", 0, True, True)
        try:
            device = nvml.nvmlDeviceGetHandleByIndex(index)
            seen = self._known[index] = self._look(device, index)
        except nvml.NVMLError as error:
            self._lost.add(index)
            return self._known.get(index, blank).ill(
                Fault.LOST, f"NVML cannot talk to it ({error}): reset or replace it"
            )
        if index in self._lost:
            self._lost.discard(index)
            self._xids.pop(seen.uuid, None)
        if xid := self._xids.get(seen.uuid):
            return seen.ill(Fault.XID, f"it had XID error {xid}: reset or replace it, then restart the agent")
        return seen

    def _look(self, device: Any, index: int) -> Gpu:
        uuid, product = _text(nvml.nvmlDeviceGetUUID(device)), _text(nvml.nvmlDeviceGetName(device))
        self._devices.setdefault(uuid, device)
        gpu = Gpu(uuid, index, product, int(nvml.nvmlDeviceGetMemoryInfo(device).total), False, True)
        try:
            current, pending = nvml.nvmlDeviceGetMigMode(device)
        except nvml.NVMLError_NotSupported:
            return gpu.ill(Fault.NO_MIG, "it cannot be split: its kind has no MIG")
        if not current:
            return gpu.ill(*_mode_off(index, bool(pending)))
        profiles = self._profiles_of(uuid, device)
        instances = tuple(sorted(_seen(device, profiles), key=lambda instance: instance.start))
        return Gpu(uuid, index, product, gpu.memory_bytes, True, True, "", _plain(profiles), instances)

    def _hear(self) -> None:
        """Waits for XID errors until the session closes; where NVML has no events there is nothing to hear."""
        with suppress(nvml.NVMLError):
            events = nvml.nvmlEventSetCreate()
            for index in range(nvml.nvmlDeviceGetCount()):
                with suppress(nvml.NVMLError):
                    device = nvml.nvmlDeviceGetHandleByIndex(index)
                    nvml.nvmlDeviceRegisterEvents(device, nvml.nvmlEventTypeXidCriticalError, events)
            while not self._closing.is_set():
                self._hear_one(events)
            nvml.nvmlEventSetFree(events)

    def _hear_one(self, events: Any) -> None:
        try:
            event = nvml.nvmlEventSetWait(events, EVENT_WAIT_MS)
            if int(event.eventData) not in APPLICATION_XIDS:
                self._xids[_text(nvml.nvmlDeviceGetUUID(event.device))] = int(event.eventData)
        except nvml.NVMLError_Timeout:
            pass
        except nvml.NVMLError:  # a lost GPU answers here too; observing it says so
            self._closing.wait(EVENT_WAIT_MS / 1000)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _mode_off(index: int, pending: bool) -> tuple[Fault, str]:
    reset = f"stop what uses the GPU, then nvidia-smi --gpu-reset -i {index}, or reboot"
    if pending:
        return Fault.MIG_PENDING, f"MIG mode is set and wants a reset: {reset}"
    return Fault.MIG_OFF, f"MIG mode is off: nvidia-smi -i {index} -mig 1, {reset}"


def _plain(profiles: tuple[MigProfile, ...]) -> tuple[MigProfile, ...]:
    """One profile of each shape, the plain one: its media-engine and graphics siblings take the same slices."""
    first: dict[tuple[int, int], MigProfile] = {}
    for profile in sorted(profiles, key=lambda p: (-p.max_instances, p.enum)):
        first.setdefault((profile.gpcs, profile.memory_slices), profile)
    return tuple(sorted(first.values(), key=lambda p: p.enum))


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
        yield MigProfile(name, int(info.sliceCount), size, starts, memory, int(info.id), enum, int(info.instanceCount))


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


def _profile_of(profiles: tuple[MigProfile, ...], spec: SegmentSpec) -> MigProfile:
    """By attributes, not by name: drivers rename profiles."""
    for profile in _plain(profiles):
        if (profile.gpcs, profile.memory_slices) == (spec.gpcs, spec.memory_slices):
            return profile
    raise Unavailable(f"this GPU offers no MIG profile of {spec.gpcs} GPCs and {spec.memory_slices} memory slices")


@contextmanager
def _translated() -> Iterator[None]:
    """NVML's errors as ours: in use is a Conflict, all others Unavailable; both are tried again."""
    try:
        yield
    except nvml.NVMLError_InUse as error:
        names = ", ".join(holders()) or "a monitor (DCGM, an exporter) that is hidden from us?"
        raise Conflict(f"the instance is in use; the GPUs are held by: {names}", reason="IN_USE") from error
    except nvml.NVMLError as error:
        raise Unavailable(f"NVML refuses: {error}", reason="NVML") from error
