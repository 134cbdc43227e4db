"""One segment: makes what is missing of it, mends what died, takes it away; each step may be repeated."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.errors import Unavailable
from common.rpc.channel import aio_channel
from node_agent import mps, processes, triton
from node_agent.journal import Journal
from node_agent.model import Endpoint, Record, SegmentSpec, SegmentStatus, Serve, State, Unit
from node_agent.ports import Gpus, Models
from node_agent.ports_pool import PortPool

log = structlog.get_logger("segment")
TAIL_SERVICE = "sliceplane.tail.v1.TailService"
EARLY_S = 10.0
STOP_GRACE_S = triton.EXIT_TIMEOUT_S + 2.0


@dataclass
class Segments:
    """What segments are made of on this host; `folder` holds one directory per segment."""

    gpus: Gpus
    models: Models
    journal: Journal
    ports: PortPool
    folder: Path

    async def ensure(self, spec: SegmentSpec, present: frozenset[int] = frozenset()) -> SegmentStatus:
        """Brings the segment up to its spec, or as far as it gets now; what it is then. Errors: see the ports.

        `present` are the GPU instances that NVML has just shown: what runs on one of them needs no carving.
        """
        record = self.journal.records.get(spec.id) or Record(spec)
        self.journal.put(record)  # written ahead: after a crash, whatever stands at its start is known to be ours
        running = record.units and all(self._complete(spec, unit) for unit in record.units)
        if not (running and record.mig_uuid and record.gi in present):
            record = await self._carve(record)
        record = await self._daemon(record)
        record = await self._units(record)
        return await self._status(record)

    async def remove(self, record: Record) -> None:
        """Takes everything of the segment away, then forgets it. Conflict while something holds its instance."""
        record = replace(record, removing=True)
        self.journal.put(record)
        # A tail first: it hands its streams over to other tails while its Triton still answers.
        await asyncio.gather(*(processes.end(unit.tail, STOP_GRACE_S) for unit in record.units))
        await asyncio.gather(*(processes.end(unit.triton, STOP_GRACE_S) for unit in record.units))
        home = self.home(record.spec)
        if record.mig_uuid:
            await mps.stop(home, record.mig_uuid, record.mps)
        gi = record.gi if record.gi is not None else await asyncio.to_thread(self._made_unwritten, record)
        if gi is not None:
            await asyncio.to_thread(self.gpus.destroy, record.spec, gi)
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
        self.journal.drop(record.spec.id)
        log.info("segment removed", segment=record.spec.id, workload=record.spec.workload)

    def home(self, spec: SegmentSpec) -> Path:
        """The segment's own directory."""
        return self.folder / spec.id

    def _made_unwritten(self, record: Record) -> int | None:
        """The instance that was made just before a crash, before its id was written."""
        places = {r.gi for r in self.journal.records.values() if r.gi is not None}
        spec = record.spec
        for gpu in self.gpus.observe():
            for found in gpu.instances if gpu.uuid == spec.gpu_uuid else ():
                same = (found.start, found.memory_slices, found.gpcs) == (spec.start, spec.memory_slices, spec.gpcs)
                if same and found.gi not in places:
                    return found.gi
        return None

    async def _carve(self, record: Record) -> Record:
        # These calls find what is there, and make again what somebody took away.
        gi = await asyncio.to_thread(self.gpus.create_instance, record.spec)
        record = replace(record, gi=gi)
        self.journal.put(record)
        ci, uuid = await asyncio.to_thread(self.gpus.create_compute, record.spec, gi)
        if record.mig_uuid and uuid != record.mig_uuid:
            log.warning("instance was replaced", segment=record.spec.id, was=record.mig_uuid, now=uuid)
            await self._end_units(record)
            await mps.stop(self.home(record.spec), record.mig_uuid, record.mps)
        record = replace(self.journal.records.get(record.spec.id, record), gi=gi, ci=ci, mig_uuid=uuid)
        self.journal.put(record)
        return record

    async def _daemon(self, record: Record) -> Record:
        """The MPS daemon is the fault domain: when it died, all its clients start again with a new one."""
        if processes.alive(record.mps):
            return record
        if record.mps is not None:
            log.warning("MPS daemon died: restarting its segment", segment=record.spec.id)
            await self._end_units(record)
        daemon = await mps.start(self.home(record.spec), record.mig_uuid)
        record = replace(record, mps=daemon)
        self.journal.put(record)
        return record

    async def _end_units(self, record: Record) -> None:
        for unit in record.units:
            await processes.end(unit.tail, STOP_GRACE_S)
            await processes.end(unit.triton, STOP_GRACE_S)

    async def _units(self, record: Record) -> Record:
        spec, home = record.spec, self.home(record.spec)
        if len(record.units) != spec.processes:
            record = replace(record, units=self._new_units(spec))
            self.journal.put(record)
        if all(self._complete(spec, unit) for unit in record.units):
            return record
        model = await self.models.fetch(spec.model_digest)
        repository = await triton.lay_out(spec, model, home)
        for index in range(spec.processes):
            record = self._start_missing(record, index, repository, model)
            self.journal.put(record)
        return record

    def _new_units(self, spec: SegmentSpec) -> tuple[Unit, ...]:
        each = 4 if spec.serve is Serve.TAIL else 3
        promised = {
            port
            for record in self.journal.records.values()
            for unit in record.units
            for port in (unit.http_port, unit.grpc_port, unit.metrics_port, unit.tail_port)
        }
        ports = self.ports.take(each * spec.processes, promised)
        groups = [[*ports[i * each : (i + 1) * each], 0] for i in range(spec.processes)]
        return tuple(Unit(http, grpc_, metrics, tail) for http, grpc_, metrics, tail, *_ in groups)

    @staticmethod
    def _complete(spec: SegmentSpec, unit: Unit) -> bool:
        return processes.alive(unit.triton) and (spec.serve is Serve.WHOLE or processes.alive(unit.tail))

    def _start_missing(self, record: Record, index: int, repository: Path, model: Path) -> Record:
        spec, home, unit = record.spec, self.home(record.spec), record.units[index]
        env = mps.environment(home, record.mig_uuid)
        self._blame(record, index)
        died = 0
        if not processes.alive(unit.triton):
            died += unit.triton is not None
            command = triton.command(spec, unit, repository, self.ports.host)
            unit = replace(unit, triton=processes.start(command, env, home / f"triton-{index}.log"))
        if spec.serve is Serve.TAIL and not processes.alive(unit.tail):
            died += unit.tail is not None
            unit = replace(unit, tail=processes.start(self._tail(spec, unit, model), env, home / f"tail-{index}.log"))
        if died:
            log.warning("process replaced", segment=spec.id, workload=spec.workload, unit=index)
        return replace(record.with_unit(index, unit), restarts=record.restarts + died)

    def _blame(self, record: Record, index: int) -> None:
        """A process that ended right after its start will do so again: Unavailable, so that the next try waits."""
        unit, home = record.units[index], self.home(record.spec)
        for name, process in (("triton", unit.triton), ("tail", unit.tail)):
            if process is None or processes.alive(process) or time.time() - process.started > EARLY_S:
                continue
            cleared = replace(unit, triton=None) if name == "triton" else replace(unit, tail=None)
            self.journal.put(replace(record.with_unit(index, cleared), restarts=record.restarts + 1))
            why = triton.log_tail(home / f"{name}-{index}.log")
            raise Unavailable(f"{name} {index} ended right after its start{': ' + why if why else ''}")

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

    async def _status(self, record: Record) -> SegmentStatus:
        spec, host = record.spec, self.ports.host
        ready = await asyncio.gather(*(self._ready(spec, unit) for unit in record.units))
        endpoints = tuple(
            Endpoint(
                host, unit.tail_port or unit.grpc_port, unit.metrics_port, unit.triton.pid if unit.triton else 0, ok
            )
            for unit, ok in zip(record.units, ready, strict=True)
        )
        state = State.READY if all(ready) else State.CREATING
        waiting = f"{ready.count(False)} of {len(ready)} processes do not answer yet"
        hint = triton.log_tail(self.home(spec) / f"triton-{ready.index(False)}.log") if state is State.CREATING else ""
        message = "" if state is State.READY else f"{waiting}{': ' + hint if hint else ''}"
        return SegmentStatus(spec.id, state, message, endpoints, record.mig_uuid, record.restarts)

    async def _ready(self, spec: SegmentSpec, unit: Unit) -> bool:
        inner = "127.0.0.1" if spec.serve is Serve.TAIL else self.ports.host
        if not await triton.model_ready(inner, unit.grpc_port, spec.workload):
            return False
        return spec.serve is Serve.WHOLE or await _healthy(f"{self.ports.host}:{unit.tail_port}")


def _endpoint(host: str, unit: Unit, ready: bool) -> Endpoint:
    pid = unit.triton.pid if unit.triton else 0
    return Endpoint(host, unit.tail_port or unit.grpc_port, unit.metrics_port, pid, ready)


async def _healthy(target: str) -> bool:
    async with aio_channel(target) as channel:
        request = health_pb2.HealthCheckRequest(service=TAIL_SERVICE)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(request, timeout=1.0)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
