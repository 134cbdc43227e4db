"""What operators say of GPUs and segments, in turns of the live plane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller import allocator
from controller.model import Workload
from controller.reconcile import Options
from tests.strategies_reconcile import workload
from tests.unit.controller.reconcile.world import OPTIONS, World, world

BOTH = pytest.mark.parametrize(
    "options", [OPTIONS, replace(OPTIONS, algorithm=allocator.OPTIMAL)], ids=["parvagpu", "optimal"]
)


def _cordon(plane: World, uuid: str, *, cordoned: bool) -> None:
    marked = tuple(replace(gpu, cordoned=cordoned) if gpu.uuid == uuid else gpu for gpu in plane.store.state.gpus)
    plane.store._store(gpus=marked)


@BOTH
def test_a_cordoned_gpu_keeps_what_runs_and_takes_nothing_new(options: Options) -> None:
    """Another workload waits and says so; it comes as soon as the GPU is uncordoned."""
    plane = world(1, 1, options=options)
    plane.store.apply(workload("a", 150.0))
    plane.settle()
    kept = {segment.id for segment in plane.store.state.segments}
    assert kept
    uuid = plane.store.state.gpus[0].uuid
    _cordon(plane, uuid, cordoned=True)
    plane.store.apply(workload("b", 150.0))
    plane.settle()
    assert {segment.id for segment in plane.store.state.segments} == kept
    assert plane.store.state.last_plan is not None
    assert [one.workload for one in plane.store.state.last_plan.shortfalls] == ["b"]
    _cordon(plane, uuid, cordoned=False)
    plane.settle()
    assert {segment.workload for segment in plane.store.state.segments} == {"a", "b"}
    assert kept <= {segment.id for segment in plane.store.state.segments}


@pytest.mark.parametrize("pinned", [True, False])
def test_a_pinned_segment_stays(pinned: bool) -> None:
    """Two workloads with a GPU each that need little of it make room for a third, unless they are pinned there."""
    plane = world(1, 2, options=replace(OPTIONS, algorithm=allocator.OPTIMAL))
    for memory_mb in (70_000.0, 0.0):
        plane.store.apply(_with(memory_mb, workload("b", 150.0)), _with(memory_mb, workload("c", 150.0)))
        plane.settle()
    before = {segment.id for segment in plane.store.state.segments}
    plane.store._store(segments=tuple(replace(one, pinned=pinned) for one in plane.store.state.segments))
    plane.store.apply(_with(70_000.0, workload("a", 100.0)))
    plane.settle()
    assert (before <= {segment.id for segment in plane.store.state.segments}) is pinned
    assert any(segment.workload == "a" for segment in plane.store.state.segments) is not pinned


def _with(memory_mb: float, plain: Workload) -> Workload:
    return replace(plain, spec=replace(plain.spec, memory_mb=memory_mb))
