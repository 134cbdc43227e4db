"""Segments on a host in memory: wherever the agent dies, its successor brings the host to what is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import SliceplaneError
from node_agent import plan
from node_agent.journal import Journal
from node_agent.model import Instance, SegmentSpec, Serve, State
from node_agent.segment import Segments
from tests.fakes.node_host import Crash, FakeDaemons, FakeGpus, FakeModels, FakeProcesses, Host
from tests.strategies_node_agent import segments

Wanted = tuple[SegmentSpec, ...]
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the journal syncs at every step; disks are slow at it


async def _agent(host: Host, folder: Path, wanted: Wanted, turns: int = 6) -> Segments:
    """A new agent's life: it reads its journal, clears up, and takes turns."""
    journal = Journal(folder)
    units = FakeProcesses(host, journal)
    made = Segments(FakeGpus(host), FakeModels(), FakeDaemons(host), units, journal, folder / "segments")
    await made.sweep()
    for _ in range(turns):
        await _turn(made, wanted)
    return made


async def _turn(made: Segments, wanted: Wanted) -> None:
    gpus = {gpu.uuid: gpu for gpu in made.gpus.observe()}
    for uuid, steps in plan.by_gpu(wanted, tuple(made.journal.records.values()), gpus).items():
        for record in steps.remove:
            with contextlib.suppress(SliceplaneError):
                await made.remove(record)
        for spec in (*(record.spec for record in steps.keep), *steps.create):
            with contextlib.suppress(SliceplaneError):
                await made.ensure(spec, gpus[uuid].instances)


def _places(host: Host) -> set[tuple[str, int, int]]:
    return {(gpu, instance.start, instance.memory_slices) for (gpu, _), instance in host.instances.items()}


def _check(host: Host, made: Segments, wanted: Wanted) -> None:
    """The host is what is wanted, no more and no less."""
    assert _places(host) == {(s.gpu_uuid, s.start, s.memory_slices) for s in wanted}
    assert set(host.computes) == set(host.instances)
    assert set(made.journal.records) == {s.id for s in wanted}
    assert sorted(host.running.values()) == sorted(s.id for s in wanted for _ in range(s.processes))
    assert {home.name for home in host.daemons} == {s.id for s in wanted}


@settings(max_examples=60, deadline=None)
@given(first=segments(), second=segments(), crash_at=st.integers(2, 90), in_use=st.integers(0, 3))
def test_converges_from_any_crash(first: Wanted, second: Wanted, crash_at: int, in_use: int) -> None:
    """A crash before or after any effect, and instances in use, end in the desired state; nothing is left over
    (dra-driver-nvidia-gpu #1452)."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        host = Host(crash_at=crash_at, in_use=in_use)
        for wanted in (first, second):
            with contextlib.suppress(Crash):
                asyncio.run(_agent(host, Path(folder), wanted))
        host.crash_at = None
        made = asyncio.run(_agent(host, Path(folder), second))
        _check(host, made, second)


@settings(max_examples=40, deadline=None)
@given(first=segments(), second=segments())
def test_twice_is_once_and_neighbours_are_left(first: Wanted, second: Wanted) -> None:
    """What two desired states share keeps its instances and processes; a converged host sees no effect more, not even
    from an agent that starts anew (mig-parted #157, #357)."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        host = Host()
        before = asyncio.run(_agent(host, Path(folder), first)).journal.records
        after = asyncio.run(_agent(host, Path(folder), second)).journal.records
        shared = {spec.id for spec in first if spec in second}
        assert {id_: after[id_] for id_ in shared} == {id_: before[id_] for id_ in shared}
        effects = host.effects
        _check(host, asyncio.run(_agent(host, Path(folder), second)), second)
        assert host.effects == effects


@settings(max_examples=40, deadline=None)
@given(wanted=segments(gpus=("GPU-0",)), start=st.integers(0, 6))
def test_hand_made_instances_are_left(wanted: Wanted, start: int) -> None:
    """An instance that this agent did not make is never touched, whatever is wanted in its place or later no more."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        host = Host()
        theirs = Instance(1, start, 1, 1)
        host.instances["GPU-0", 1] = theirs
        asyncio.run(_agent(host, Path(folder), wanted))
        free = {(s.gpu_uuid, s.start, s.memory_slices) for s in wanted if start not in s.slots}
        assert _places(host) == free | {("GPU-0", start, 1)}
        asyncio.run(_agent(host, Path(folder), ()))
        assert host.instances == {("GPU-0", 1): theirs}


async def test_daemon_death_restarts_its_segment_only(tmp_path: Path) -> None:
    """When an MPS daemon dies, all processes of its segment are new, the neighbour's are the same."""
    a, b = _two()
    host = Host()
    before = dict((await _agent(host, tmp_path, (a, b))).journal.records)
    host.daemons = {home: pid for home, pid in host.daemons.items() if home.name != a.id}
    after = (await _agent(host, tmp_path, (a, b))).journal.records
    assert not {u.triton for u in after[a.id].units} & {u.triton for u in before[a.id].units}
    assert after[b.id] == before[b.id]


async def test_states_a_segment_goes_through(tmp_path: Path) -> None:
    """While its model is on the way a segment is being created; once it has served, a silent process is a failure."""
    spec, _ = _two()
    host = Host()
    made = await _agent(host, tmp_path, ())
    made.models = FakeModels({spec.model_digest: None})
    waiting = await made.ensure(spec)
    assert (waiting.state, waiting.endpoints) == (State.CREATING, ())
    assert "downloaded" in waiting.message
    made.models = FakeModels()
    assert (await made.ensure(spec)).state is State.READY
    host.running.clear()
    made.models = FakeModels({spec.model_digest: None})
    assert (await made.ensure(spec)).state is State.FAILED


async def test_vanished_instance_is_made_again(tmp_path: Path) -> None:
    """An instance that somebody destroyed by hand is made anew, with fresh processes on the new device."""
    spec, _ = _two()
    host = Host()
    before = (await _agent(host, tmp_path, (spec,))).journal.records[spec.id]
    host.instances.clear()
    host.computes.clear()
    made = await _agent(host, tmp_path, (spec,))
    after = made.journal.records[spec.id]
    assert after.mig_uuid != before.mig_uuid
    assert after.units[0].triton != before.units[0].triton
    _check(host, made, (spec,))


def _two() -> tuple[SegmentSpec, SegmentSpec]:
    digest = f"sha256:{'a' * 64}"
    a = SegmentSpec("a", "GPU-0", 0, 2, 2, "w", digest, Serve.WHOLE, 4, 2, 100)
    return a, replace(a, id="b", start=4)
