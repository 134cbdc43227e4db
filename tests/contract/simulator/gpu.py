"""What the tests do with a GPU through pynvml, in few words; NVML's errors as its numbers."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_uint
from dataclasses import dataclass
from typing import Any

import pynvml as nvml

# Profile id → GPCs, memory slices, legal starts; NVIDIA's MIG user guide, A100.
GEOMETRY = {
    19: (1, 1, (0, 1, 2, 3, 4, 5, 6)),
    14: (2, 2, (0, 2, 4)),
    9: (3, 4, (0, 4)),
    5: (4, 4, (0,)),
    0: (7, 8, (0,)),
    15: (1, 2, (0, 2, 4, 6)),
    20: (1, 1, (0, 1, 2, 3, 4, 5, 6)),
}
ID_OF_GPCS = {1: 19, 2: 14, 3: 9, 4: 5, 7: 0}
COMPUTE_OF_GPCS = {1: 0, 2: 1, 3: 2, 4: 3, 7: 4}


def code(call: Callable[..., Any], *arguments: Any) -> int:
    """NVML's return code of a call."""
    try:
        call(*arguments)
    except nvml.NVMLError as error:
        return int(error.value)
    return int(nvml.NVML_SUCCESS)


@dataclass(frozen=True)
class Gpu:
    """A GPU of the host by its index."""

    index: int

    @property
    def handle(self) -> Any:
        """A fresh handle."""
        return nvml.nvmlDeviceGetHandleByIndex(self.index)

    def create(self, profile: int, start: int, size: int | None = None) -> Any:
        """A new GPU instance at `start`."""
        placement = nvml.c_nvmlGpuInstancePlacement_t(start, GEOMETRY[profile][1] if size is None else size)
        return nvml.nvmlDeviceCreateGpuInstanceWithPlacement(self.handle, profile, byref(placement))

    def create_full(self, profile: int, start: int) -> tuple[Any, Any, str]:
        """A GPU instance, its compute instance over all of it, and the MIG device's UUID."""
        gi = self.create(profile, start)
        ci = nvml.nvmlGpuInstanceCreateComputeInstance(gi, COMPUTE_OF_GPCS[GEOMETRY[profile][0]])
        return gi, ci, uuid_of(ci)

    def remaining(self, profile: int) -> int:
        """How many more instances of the profile fit."""
        return int(nvml.nvmlDeviceGetGpuInstanceRemainingCapacity(self.handle, profile))

    def instances(self) -> list[tuple[int, int, int]]:
        """(profile id, start, size) of each GPU instance, by start."""
        infos = [nvml.nvmlGpuInstanceGetInfo(gi) for profile in GEOMETRY for gi in self.handles(profile)]
        return sorted(((i.profileId, i.placement.start, i.placement.size) for i in infos), key=lambda i: i[1])

    def handles(self, profile: int) -> list[Any]:
        """Handles of the profile's GPU instances."""
        found = (nvml.c_nvmlGpuInstance_t * 8)()
        count = c_uint()
        nvml.nvmlDeviceGetGpuInstances(self.handle, profile, found, byref(count))
        return list(found[: count.value])

    def at(self, profile: int, start: int) -> Any:
        """The handle of the profile's GPU instance at `start`. StopIteration if there is none."""
        return next(gi for gi in self.handles(profile) if nvml.nvmlGpuInstanceGetInfo(gi).placement.start == start)

    def clear(self) -> None:
        """Destroys every GPU instance; none may hold a compute instance."""
        for profile in GEOMETRY:
            for gi in self.handles(profile):
                nvml.nvmlGpuInstanceDestroy(gi)


def uuid_of(ci: Any) -> str:
    """The UUID of a compute instance's MIG device."""
    return str(nvml.nvmlDeviceGetUUID(nvml.nvmlComputeInstanceGetInfo_v2(ci).device))
