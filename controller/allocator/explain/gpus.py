"""What each GPU of a plan has left: free slices, stranded slices, slack."""

from collections import defaultdict
from collections.abc import Mapping

from common.mig import Geometry, gpcs_of
from controller.allocator.explain.room import room
from controller.allocator.explain.types import GpuNote
from controller.allocator.types import Placed, Plan, Service


def gpu_notes(
    plan: Plan, services: Mapping[str, Service], geometries: Mapping[int, Geometry] | None = None
) -> tuple[GpuNote, ...]:
    """A note for each GPU in use, by number; `geometries` where the GPUs are unequal."""
    use = _use(plan, services)
    on: dict[int, list[Placed]] = defaultdict(list)
    for one in plan.placed:
        on[one.gpu].append(one)
    kinds = geometries or {}
    return tuple(_note(gpu, on[gpu], kinds.get(gpu, plan.geometry), use) for gpu in sorted(on))


def _use(plan: Plan, services: Mapping[str, Service]) -> dict[str, float]:
    """Rate over planned throughput, by workload: traffic goes to segments in proportion to their throughput."""
    planned: dict[str, float] = defaultdict(float)
    for one in plan.placed:
        for name, throughput in shares(one):
            planned[name] += throughput
    return {name: services[name].rate / total for name, total in planned.items() if name in services and total > 0}


def shares(one: Placed) -> list[tuple[str, float]]:
    """(workload, throughput) of everything that the segment serves."""
    segment = one.segment
    if segment.tenants:
        return [(tenant.service, tenant.throughput) for tenant in segment.tenants]
    return [(segment.service, segment.throughput)]


def _busy(one: Placed, use: Mapping[str, float]) -> float:
    """The share of the segment's time that rates take: a tenant's at most rate × its latency alone."""
    segment = one.segment
    if segment.tenants:
        return min(1.0, sum(tenant.rate * tenant.latency_ms / 1000 for tenant in segment.tenants))
    return use.get(segment.service, 0.0)


def _note(gpu: int, placed: list[Placed], geometry: Geometry, use: Mapping[str, float]) -> GpuNote:
    ordered = sorted(placed, key=lambda one: one.start)
    taken = 0
    for one in ordered:
        taken |= geometry.default(one.segment.size).mask(one.start)
    gpcs = sum(gpcs_of(one.segment.size) for one in ordered)
    left = room(geometry, taken, gpcs)
    busy = sum(gpcs_of(one.segment.size) * _busy(one, use) for one in ordered)
    return GpuNote(
        gpu=gpu,
        layout=tuple(one.segment.size for one in ordered),
        free_gpcs=left.free_gpcs,
        free_slots=left.free_slots,
        stranded_gpcs=left.stranded_gpcs,
        stranded_slots=left.stranded_slots,
        largest_that_fits=left.largest,
        slack=1 - busy / gpcs,
    )
