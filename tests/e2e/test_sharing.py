"""Light workloads share a segment: one Triton answers for all of them, and each can go its own way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from sliceplane import Point, Profile, Segment, Workload, WorkloadSpec
from tests.e2e.conftest import Stage, outcome, times_plus_one

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
FACTORS = {"light-a": 3.0, "light-b": 4.0}
POINTS = tuple(Point(1, batch, 1, 100.0 * batch, 10.0) for batch in (1, 2, 4))


def _apply(stage: Stage, name: str, *, exclusive: bool = False) -> None:
    stage.client.apply(Workload(name, WorkloadSpec(name, rate=3.0, slo_ms=900.0, exclusive=exclusive)))


def _shared(stage: Stage, *names: str) -> Segment | None:
    """The one segment that all of these are served from, and nobody else."""
    found = {one.id: one for name in names for one in stage.segments(name)}
    ready = all(stage.settled(name) for name in names)
    (segment,) = found.values() if len(found) == 1 else (None,)
    return segment if ready and segment and {t.workload for t in segment.tenants} == set(names) else None


@pytest.fixture
def lights(stage: Stage) -> Iterator[Segment]:
    """Two workloads of two models on one segment."""
    for name, factor in FACTORS.items():
        stage.client.push_model(name, times_plus_one(stage.plane.folder / f"{name}.onnx", factor))
        stage.client.import_profile(Profile(name, POINTS))
        _apply(stage, name)
    yield stage.until(lambda: _shared(stage, *FACTORS), 60)
    for name in FACTORS:
        if any(workload.name == name for workload in stage.client.list()):
            stage.client.delete(name)
    stage.until(lambda: not any(stage.segments(name) for name in FACTORS), 60)


def test_each_is_answered_by_its_own_model(stage: Stage, lights: Segment) -> None:
    """Through xDS, at the same endpoint; also after its one Triton was killed."""
    assert lights.processes == len(lights.endpoints) == 1
    killed: set[int] = set()
    for _ in range(2):
        running = [stage.load(rate=5, seconds=4, workload=name, factor=FACTORS[name]) for name in FACTORS]
        for process in running:
            found = outcome(process)
            assert found.sent > 0
            assert (found.failed, found.agreed) == (0, found.sent)
        (pid,) = stage.pids("light-a")
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
        stage.until(lambda: _shared(stage, *FACTORS) and stage.pids("light-a").isdisjoint(killed), 60)


def test_one_leaves_while_the_others_are_served(stage: Stage, lights: Segment) -> None:
    """Who wants a segment to himself gets one, and comes back; no request of those who stay fails."""
    process = stage.load(rate=10, seconds=25, workload="light-a", factor=FACTORS["light-a"])
    _apply(stage, "light-b", exclusive=True)
    own = stage.until(lambda: _alone(stage, "light-b"), 60)
    assert own.id != lights.id
    _apply(stage, "light-b")
    stage.until(lambda: _shared(stage, *FACTORS), 60)
    found = outcome(process)
    assert (found.failed, found.agreed) == (0, found.sent)


def _alone(stage: Stage, name: str) -> Segment | None:
    segments = stage.segments(name)
    return segments[0] if len(segments) == 1 and not segments[0].tenants and stage.settled(name) else None
