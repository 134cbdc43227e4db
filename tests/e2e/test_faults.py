"""kill -9 of each process in turn, under load: the plane comes back by itself and the rest does not notice."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from tests.e2e.conftest import CONTROLLER, Stage, outcome

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_requests_are_answered_right(stage: Stage) -> None:
    """Through xds:///NAME every request is answered, and as onnxruntime would."""
    found = outcome(stage.load(rate=50, seconds=4))
    assert found.sent > 100
    assert (found.failed, found.agreed) == (0, found.sent)


def test_controller_killed(stage: Stage) -> None:
    """kill -9 of the controller interrupts no request; restarted, it finds all as it was."""
    before = {s.id: s.endpoints for s in stage.segments()}
    process = stage.load(rate=40, seconds=10)
    time.sleep(2)
    stage.plane.kill("controller")
    time.sleep(2)
    stage.plane.start_controller(*CONTROLLER)
    stage.until(lambda: all(n.connected for n in stage.client.nodes()))
    found = outcome(process)
    assert (found.failed, found.agreed) == (0, found.sent)
    stage.until(stage.settled)
    assert {s.id: s.endpoints for s in stage.segments()} == before


def test_agent_killed(stage: Stage) -> None:
    """kill -9 of a node agent interrupts no request; restarted, it adopts its Tritons: the same pids."""
    before = stage.pids()
    process = stage.load(rate=40, seconds=8)
    time.sleep(1)
    stage.plane.kill("agent-host-a")
    time.sleep(2)
    stage.plane.start_agent("host-a")
    stage.until(lambda: all(n.connected for n in stage.client.nodes()))
    found = outcome(process)
    assert (found.failed, found.agreed) == (0, found.sent)
    stage.until(stage.settled)
    assert stage.pids() == before


def test_triton_killed(stage: Stage) -> None:
    """kill -9 of a Triton process: the agent replaces it, the other endpoints carry the load."""
    before = stage.pids()
    victim = min(before)
    process = stage.load(rate=40, seconds=10)
    time.sleep(2)
    os.kill(victim, signal.SIGKILL)
    stage.until(lambda: victim not in stage.pids() and len(stage.pids()) == len(before) and stage.settled())
    found = outcome(process)
    assert found.failed <= 0.02 * found.sent, found.failures
    assert found.agreed == found.sent - found.failed
    assert stage.pids() - before != set()


def test_removed_workload_leaves_nothing(stage: Stage) -> None:
    """A deleted workload's processes, MPS daemons and MIG instances are gone; the neighbours' stay."""
    from sliceplane import Workload, WorkloadSpec

    stage.client.apply(Workload("brief", WorkloadSpec("double", rate=30.0, slo_ms=400.0)))
    stage.until(lambda: stage.settled("brief"), 60)
    neighbours, pids = stage.pids(), stage.pids("brief")
    uuids = {s.mig_uuid for s in stage.segments("brief")}
    assert pids
    assert all(uuids)
    stage.client.delete("brief")
    stage.until(lambda: not stage.segments("brief"))
    stage.until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    states = [(stage.plane.folder / h / "gpu" / "host.state").read_text() for h in ("host-a", "host-b")]
    assert not any(uuid in state for uuid in uuids for state in states)
    assert stage.pids() == neighbours
