"""A GPU host in memory: GPUs with MIG rules, MPS daemons, processes; any effect on it may be where the agent dies."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.errors import Conflict, SliceplaneError, Unavailable
from common.mig import A100_80GB
from node_agent.journal import Journal
from node_agent.model import Endpoint, Gpu, Instance, MigProfile, Process, Record, SegmentSpec, Unit

PROFILES = tuple(
    MigProfile(p.name, p.gpcs, p.memory_slices, p.starts, p.memory_mb << 20)
    for p in A100_80GB.profiles
    if not p.media_extensions
)


class Crash(BaseException):
    """The agent dies here."""


@dataclass
class Host:
    """What outlives the agent. `crash_at`: the effect before (even) or after (odd) which the agent dies."""

    uuids: tuple[str, ...] = ("GPU-0", "GPU-1")
    instances: dict[tuple[str, int], Instance] = field(default_factory=dict)
    computes: dict[tuple[str, int], str] = field(default_factory=dict)
    daemons: dict[Path, int] = field(default_factory=dict)
    running: dict[int, str] = field(default_factory=dict)  # pid -> segment id
    in_use: int = 0
    effects: int = 0
    crash_at: int | None = None
    pids: Iterable[int] = field(default_factory=lambda: itertools.count(100))

    def before(self) -> None:
        """Something is about to change."""
        self.effects += 1
        if self.crash_at == 2 * self.effects:
            raise Crash

    def after(self) -> None:
        """Something has changed."""
        if self.crash_at == 2 * self.effects + 1:
            raise Crash

    def pid(self) -> int:
        """A new pid."""
        return next(iter(self.pids))


class FakeGpus:
    """node_agent.ports.Gpus on a Host."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def driver_version(self) -> str:
        """The driver's version."""
        return "550.54.15"

    def observe(self) -> tuple[Gpu, ...]:
        """Every GPU."""
        return tuple(
            Gpu(uuid, n, "NVIDIA A100-SXM4-80GB", 80 << 30, True, True, "", PROFILES, self._on(uuid))
            for n, uuid in enumerate(self.host.uuids)
        )

    def create_instance(self, spec: SegmentSpec) -> int:
        """Makes it, or finds it."""
        for instance in self._on(spec.gpu_uuid):
            if (instance.start, instance.gpcs, instance.memory_slices) == (spec.start, spec.gpcs, spec.memory_slices):
                return instance.gi
        self._check(spec)
        self.host.before()
        gi = next(n for n in itertools.count(1) if (spec.gpu_uuid, n) not in self.host.instances)
        self.host.instances[spec.gpu_uuid, gi] = Instance(gi, spec.start, spec.gpcs, spec.memory_slices)
        self.host.after()
        return gi

    def create_compute(self, spec: SegmentSpec, gi: int) -> tuple[int, str]:
        """Makes it, or finds it."""
        key = (spec.gpu_uuid, gi)
        if key not in self.host.instances:
            raise Unavailable("there is no such instance")
        if key not in self.host.computes:
            self.host.before()
            self.host.computes[key] = f"MIG-{self.host.effects}"
            self.host.after()
        return 0, self.host.computes[key]

    def destroy(self, spec: SegmentSpec, gi: int) -> None:
        """Destroys it unless it is in use."""
        key = (spec.gpu_uuid, gi)
        found = self.host.instances.get(key)
        if found is None or (found.start, found.memory_slices) != (spec.start, spec.memory_slices):
            return
        if key in self.host.computes:
            self.host.before()
            del self.host.computes[key]
            self.host.after()
        if self.host.in_use:
            self.host.in_use -= 1
            raise Conflict("it is in use", reason="IN_USE")
        self.host.before()
        del self.host.instances[key]
        self.host.after()

    def _on(self, uuid: str) -> tuple[Instance, ...]:
        return tuple(instance for (gpu, _), instance in sorted(self.host.instances.items()) if gpu == uuid)

    def _check(self, spec: SegmentSpec) -> None:
        if spec.gpu_uuid not in self.host.uuids:
            raise Unavailable("there is no such GPU")
        profile = next((p for p in PROFILES if (p.gpcs, p.memory_slices) == (spec.gpcs, spec.memory_slices)), None)
        if profile is None or spec.start not in profile.starts:
            raise Unavailable("no such profile or start")
        if any(instance.slots & spec.slots for instance in self._on(spec.gpu_uuid)):
            raise Unavailable("the slices are taken")


class FakeDaemons:
    """node_agent.ports.Daemons on a Host."""

    def __init__(self, host: Host) -> None:
        self.host = host

    async def start(self, home: Path, mig_uuid: str) -> Process:
        """Starts it, or finds it."""
        if home not in self.host.daemons:
            self.host.before()
            self.host.daemons[home] = self.host.pid()
            self.host.after()
        return Process(self.host.daemons[home], 1.0)

    async def stop(self, home: Path, mig_uuid: str, daemon: Process | None) -> None:
        """Stops it."""
        if home in self.host.daemons:
            self.host.before()
            del self.host.daemons[home]
            self.host.after()

    def alive(self, daemon: Process | None) -> bool:
        """Whether it runs."""
        return daemon is not None and daemon.pid in self.host.daemons.values()


class FakeProcesses:
    """node_agent.ports.Processes on a Host."""

    def __init__(self, host: Host, journal: Journal) -> None:
        self.host, self.journal = host, journal

    def complete(self, record: Record) -> bool:
        """Whether all run."""
        return bool(record.units) and all(self._alive(unit) for unit in record.units)

    async def mend(self, record: Record, home: Path, models: Mapping[str, Path]) -> Record:
        """Starts what is missing."""
        assert {one.workload: Path("/model") / one.model_digest for one in record.spec.served} == models
        if len(record.units) != record.spec.processes:
            record = replace(record, units=(Unit(1, 2, 3),) * record.spec.processes)
            self.journal.put(record)
        for index, unit in enumerate(record.units):
            if not self._alive(unit):
                self.host.before()
                pid = self.host.pid()
                self.host.running[pid] = record.spec.id
                self.host.after()
                record = record.with_unit(index, replace(unit, triton=Process(pid, 1.0)))
                self.journal.put(record)
        return record

    async def probe(self, record: Record) -> tuple[Endpoint, ...]:
        """All that run answer."""
        return tuple(
            Endpoint("127.0.0.1", u.grpc_port, 3, u.triton.pid, self._alive(u)) for u in record.units if u.triton
        )

    async def end(self, record: Record) -> None:
        """Ends them."""
        for unit in record.units:
            if unit.triton and self._alive(unit):
                self.host.before()
                del self.host.running[unit.triton.pid]
                self.host.after()

    def failures(self, segment_id: str) -> int:
        """None fails."""
        return 0

    async def clear(self, folder: Path, records: Collection[Record] = ()) -> None:
        """Ends what `records` do not know; `folder` is a segment's, or that of all."""
        known = {unit.triton.pid for record in records for unit in record.units if unit.triton}
        mine = {pid for pid, id_ in self.host.running.items() if not records or pid not in known}
        for pid in mine:
            if records or self.host.running[pid] == folder.name or folder.name == "segments":
                del self.host.running[pid]
        if records or folder.name == "segments":
            kept = {record.spec.id for record in records}
            self.host.daemons = {home: pid for home, pid in self.host.daemons.items() if home.name in kept}

    def _alive(self, unit: Unit) -> bool:
        return unit.triton is not None and unit.triton.pid in self.host.running


class FakeModels:
    """node_agent.ports.Models: every model is there, but for those that `missing` says what is wrong with."""

    def __init__(self, missing: dict[str, SliceplaneError | None] | None = None) -> None:
        self.missing = missing or {}
        self.wanted: set[str] = set()

    def find(self, digest: str) -> Path | None:
        """A path, None, or an error."""
        if digest in self.missing:
            if error := self.missing[digest]:
                raise error
            return None
        return Path("/model") / digest

    def prune(self, wanted: Collection[str]) -> None:
        """Nothing to let go of; `wanted` is kept."""
        self.wanted = set(wanted)
