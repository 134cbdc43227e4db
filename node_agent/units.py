"""A segment's processes: promised ports, started, replaced when dead or hung, asked whether they answer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.rpc.channel import aio_channel
from node_agent import mps, processes, triton
from node_agent.endurance import Endurance
from node_agent.journal import Journal
from node_agent.model import Endpoint, Process, Record, SegmentSpec, Serve, Unit
from node_agent.ports_pool import PortPool

log = structlog.get_logger("units")
TAIL_SERVICE = "sliceplane.tail.v1.TailService"
MARGIN_S = 2.0  # beyond its own time to drain, until a process is killed

Key = tuple[str, str]  # segment id, "triton-0" or "tail-0"


@dataclass
class Units:
    """Keeps the processes of segments running. `drain_s`: what one gets to finish its requests, seconds."""

    journal: Journal
    ports: PortPool
    drain_s: float = 10.0
    histories: dict[Key, Endurance] = field(default_factory=dict)

    @staticmethod
    def complete(record: Record) -> bool:
        """Whether every process lives."""
        return bool(record.units) and all(alive(record.spec, unit) for unit in record.units)

    async def mend(self, record: Record, home: Path, models: Mapping[str, Path]) -> Record:
        """Starts what is missing; what keeps dying is given pauses. `models`: files by workload.

        InvalidArgument if a model cannot be served, Unavailable if something cannot be started.
        """
        record = self._promise(record)
        repository = await triton.lay_out(record.spec, models, home)
        for index in range(len(record.units)):
            record = await self._mend_triton(record, index, home, repository)
            if record.spec.serve is Serve.TAIL:
                record = self._mend_tail(record, index, home, models[record.spec.workload])
        return record

    async def end(self, record: Record) -> None:
        """Ends every process. A tail first: it hands its streams over to others while its Triton still answers."""
        grace_s = self.drain_s + MARGIN_S
        await asyncio.gather(*(processes.end(unit.tail, grace_s) for unit in record.units))
        await asyncio.gather(*(processes.end(unit.triton, grace_s) for unit in record.units))
        # An end that we wanted is no failure: whoever is started next begins with a clean slate.
        self.histories = {key: history for key, history in self.histories.items() if key[0] != record.spec.id}

    async def probe(self, record: Record) -> tuple[Endpoint, ...]:
        """Where its processes answer and whether they do; one that hangs is ended, to be replaced next time."""
        return tuple(await asyncio.gather(*(self._probe(record.spec, i, u) for i, u in enumerate(record.units))))

    def failures(self, segment_id: str) -> int:
        """Starts in a row that came to nothing, of the process that fares worst."""
        return max((history.failures for key, history in self.histories.items() if key[0] == segment_id), default=0)

    async def clear(self, folder: Path, records: Collection[Record] = ()) -> None:
        """Ends, at once, what else was started for segments under `folder`; not what `records` know."""
        # A daemon may have been started and not yet written down: its pid file knows it.
        daemons = [mps.running(folder / record.spec.id) for record in records]
        known = [p for r in records for unit in r.units for p in (unit.triton, unit.tail, r.mps)]
        spare = {process.pid for process in (*known, *daemons) if process and processes.alive(process)}
        strays = await asyncio.to_thread(processes.ours, folder, spare)
        for stray in strays:
            log.warning("ending a process that nobody knows any more", pid=stray.pid)
        await asyncio.to_thread(processes.kill, strays)

    def _promise(self, record: Record) -> Record:
        """The record with ports for each of its processes, durably."""
        spec = record.spec
        if len(record.units) != spec.processes:
            record = replace(record, units=tuple(self._new_unit(spec, i) for i in self._groups(spec, spec.processes)))
            self.journal.put(record)
        return record

    def _groups(self, spec: SegmentSpec, count: int) -> list[list[int]]:
        each = 4 if spec.serve is Serve.TAIL else 3
        promised = [port for record in self.journal.records.values() for unit in record.units for port in unit.ports]
        ports = self.ports.take(each * count, promised)
        return [ports[i * each : (i + 1) * each] for i in range(count)]

    @staticmethod
    def _new_unit(spec: SegmentSpec, ports: Sequence[int]) -> Unit:
        return Unit(ports[0], ports[1], ports[2], ports[3] if spec.serve is Serve.TAIL else 0)

    async def _mend_triton(self, record: Record, index: int, home: Path, repository: Path) -> Record:
        unit, key = record.units[index], (record.spec.id, f"triton-{index}")
        if not self._wants_start(key, unit.triton):
            return record
        if unit.triton:  # what it had started may outlive it, and hold its ports
            await self.clear(home, (record,))
        if not all(self.ports.free(port) for port in (unit.http_port, unit.grpc_port, unit.metrics_port)):
            # Somebody else took a port meanwhile. The tail was told the old one, so it starts anew as well.
            await processes.end(unit.tail, self.drain_s + MARGIN_S)
            was, unit = unit, self._new_unit(record.spec, self._groups(record.spec, 1)[0])
            unit = replace(unit, triton=was.triton)
            record = record.with_unit(index, unit)
            self.journal.put(record)
        command = triton.command(record.spec, unit, repository, self.ports.host, self.drain_s)
        started = self._start(key, command, record, home)
        return self._replaced(record, index, unit.triton, replace(unit, triton=started))

    def _mend_tail(self, record: Record, index: int, home: Path, model: Path) -> Record:
        unit, key = record.units[index], (record.spec.id, f"tail-{index}")
        if not self._wants_start(key, unit.tail):
            return record
        started = self._start(key, self._tail(record.spec, unit, model), record, home)
        return self._replaced(record, index, unit.tail, replace(unit, tail=started))

    def _wants_start(self, key: Key, process: Process | None) -> bool:
        """Whether it is dead and its pause is over."""
        now = time.monotonic()
        history = self.histories.get(key)
        if processes.alive(process):
            self.histories.setdefault(key, Endurance(now))  # adopted
            return False
        if history is None:
            return True
        history = self.histories[key] = history.died()
        return history.may_start(now)

    def _start(self, key: Key, command: Sequence[str], record: Record, home: Path) -> Process:
        now = time.monotonic()
        history = self.histories.get(key)
        self.histories[key] = history.start(now) if history else Endurance(now)
        return processes.start(command, mps.environment(home, record.mig_uuid), home / f"{key[1]}.log")

    def _replaced(self, record: Record, index: int, was: Process | None, unit: Unit) -> Record:
        record = record.with_unit(index, unit)
        if was is not None:
            log.warning("process replaced", segment=record.spec.id, workload=record.spec.workload, unit=index)
            record = replace(record, restarts=record.restarts + 1)
        self.journal.put(record)
        return record

    def _tail(self, spec: SegmentSpec, unit: Unit, bundle: Path) -> list[str]:
        beside = Path(sys.executable).with_name("sliceplane-tail")
        options = {
            "listen": f"{self.ports.host}:{unit.tail_port}",
            "triton": f"127.0.0.1:{unit.grpc_port}",
            "model": spec.workload,
            "bundle": bundle,
        }
        program = str(beside) if beside.exists() else "sliceplane-tail"
        return [program, *(f"--{name}={value}" for name, value in options.items())]

    async def _probe(self, spec: SegmentSpec, index: int, unit: Unit) -> Endpoint:
        inner = "127.0.0.1" if spec.serve is Serve.TAIL else self.ports.host
        ready = await triton.models_ready(inner, unit.grpc_port, [one.workload for one in spec.served])
        await self._note((spec.id, f"triton-{index}"), unit.triton, ready)
        if spec.serve is Serve.TAIL:
            healthy = await _healthy(f"{self.ports.host}:{unit.tail_port}")
            await self._note((spec.id, f"tail-{index}"), unit.tail, healthy)
            ready = ready and healthy
        ready = ready and alive(spec, unit)  # what answers there must be ours
        pid = unit.triton.pid if unit.triton else 0
        return Endpoint(self.ports.host, unit.tail_port or unit.grpc_port, unit.metrics_port, pid, ready)

    async def _note(self, key: Key, process: Process | None, answered: bool) -> None:
        now = time.monotonic()
        history = self.histories.get(key)
        if history is None or not processes.alive(process):
            return
        if answered:
            self.histories[key] = history.answered(now)
        elif history.hung(now):
            log.warning("process hangs: ending it", segment=key[0], process=key[1])
            await processes.end(process, MARGIN_S)


def alive(spec: SegmentSpec, unit: Unit) -> bool:
    """Whether the unit's Triton lives, and its tail where it has one."""
    return processes.alive(unit.triton) and (spec.serve is Serve.WHOLE or processes.alive(unit.tail))


async def _healthy(target: str) -> bool:
    async with aio_channel(target) as channel:
        request = health_pb2.HealthCheckRequest(service=TAIL_SERVICE)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(request, timeout=1.0)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
