"""Maps of the live fleet and of plans, from the client's values to the drawing's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from common.mig import A100_80GB, Geometry, geometry_of, gpcs_of
from controller.allocator import Plan as OfflinePlan
from sliceplane.cli.session import console, drawing_width
from sliceplane.gpu_map import Block, Row, draw
from sliceplane.tenants import workload_names
from sliceplane.types import Gpu, Plan, PlannedSegment, Segment

MARK = {"planned": "+", "creating": "+", "failed": "!", "draining": "~", "removing": "~"}


def show(rows: Sequence[Row]) -> None:
    """Prints a map."""
    out = console()
    for line in draw(rows, width=drawing_width()):
        out.print(line)


def fleet_rows(gpus: Iterable[Gpu], segments: Iterable[Segment]) -> list[Row]:
    """The fleet as it is."""
    on: dict[str, list[Block]] = defaultdict(list)
    for one in segments:
        mark = MARK.get(one.state, "")
        on[one.gpu_uuid].append(
            Block(
                workload_names(one),
                one.start,
                one.memory_slices,
                one.gpcs,
                one.batch,
                one.processes,
                one.throughput,
                mark,
            )
        )
    return [_row(gpu, on[gpu.uuid]) for gpu in gpus]


def plan_rows(gpus: Iterable[Gpu], plan: Plan) -> list[Row]:
    """The fleet as it will be; what the plan removes is left out, what it creates is marked."""
    geometries = {gpu.uuid: _geometry(gpu) for gpu in gpus}
    on: dict[str, list[Block]] = defaultdict(list)
    for one in plan.segments:
        if one.action != "remove":
            on[one.gpu_uuid].append(_planned(one, geometries.get(one.gpu_uuid, A100_80GB)))
    return [_row(gpu, on[gpu.uuid]) for gpu in gpus]


def offline_rows(plan: OfflinePlan) -> list[Row]:
    """The GPUs of an offline plan, numbered from 0."""
    geometry = plan.geometry
    on: dict[int, list[Block]] = defaultdict(list)
    for one in plan.placed:
        its = one.segment
        slots = geometry.default(its.size).memory_slices
        name = ", ".join(tenant.service for tenant in its.tenants) or its.service
        on[one.gpu].append(Block(name, one.start, slots, gpcs_of(its.size), its.batch, its.processes, its.throughput))
    return [
        Row(f"gpu {number}", geometry.slots, geometry.compute_slices, tuple(on[number])) for number in range(plan.gpus)
    ]


def _planned(one: PlannedSegment, geometry: Geometry) -> Block:
    slots = next((p.memory_slices for p in geometry.profiles if p.name == one.profile), 0)
    slots = slots or next((p.memory_slices for p in geometry.defaults if p.gpcs == one.gpcs), one.gpcs)
    mark = "+" if one.action == "create" else ""
    return Block(workload_names(one), one.start, slots, one.gpcs, one.batch, one.processes, one.throughput, mark)


def _row(gpu: Gpu, blocks: Sequence[Block]) -> Row:
    geometry = _geometry(gpu)
    note = "" if gpu.schedulable else gpu.unschedulable_reason or "not schedulable"
    return Row(gpu.name, geometry.slots, geometry.compute_slices, tuple(blocks), note)


def _geometry(gpu: Gpu) -> Geometry:
    return geometry_of(gpu.product) or A100_80GB
