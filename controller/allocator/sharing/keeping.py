"""Whether services may go on sharing the segment that they share, at today's rates, SLOs and profiles."""

from collections.abc import Mapping, Sequence

import numpy as np

from controller.allocator.checks import invalid_demand
from controller.allocator.sharing.batching import executions
from controller.allocator.sharing.grouping import Group, load_of
from controller.allocator.sharing.judging import Items, Judge, Limits
from controller.allocator.sharing.light import Light
from controller.allocator.types import Options, ProfileTable, Service

_NO_LIMIT = float("inf")  # ms: what a full batch takes is in the slacks; here it only may not last longer than singles


def kept(
    members: Sequence[Service],
    batches: Sequence[int],
    size: int,
    profiles: Mapping[str, ProfileTable],
    options: Options,
    unused: int = 0,
) -> Group | None:
    """The members as a group on their segment, or None where it may hold them no longer.

    `batches` are what each was planned with and stay; `unused`: models besides that are loaded and asked for by nobody.
    """
    found = [_light(*one, size, profiles, options) for one in zip(members, batches, strict=True)]
    lights = tuple(one for one in found if one is not None)
    alike = len({one.priority for one in members}) == 1
    if not alike or len(lights) < len(found) or size not in options.geometry.sizes:
        return None
    memory = float(options.geometry.default(size).memory_mb) - unused * options.tenant_memory_mb
    items = Items(load_of(lights, size, options), np.array([one.memory_mb for one in lights]))
    holds = Judge(items, Limits(memory, 1 - options.attainment)).holds(range(len(lights)))
    return Group(size, lights) if holds else None


def _light(
    service: Service, batch: int, size: int, profiles: Mapping[str, ProfileTable], options: Options
) -> Light | None:
    """The service with executions of up to `batch` items, if it may share at all and they were measured."""
    table = profiles.get(service.model)
    if table is None or service.exclusive or service.min_hosts > 1 or invalid_demand(service):
        return None
    latencies = executions(table, size, _NO_LIMIT, service.max_batch)[:batch]
    if len(latencies) < batch:
        return None
    return Light(service, {size: latencies}, alone=0, memory_mb=service.memory_mb or options.tenant_memory_mb)
