"""One segment: makes what is missing of it, mends what died, takes it away; each step may be repeated."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from node_agent.journal import Journal
from node_agent.model import Endpoint, Instance, Record, SegmentSpec, SegmentStatus, State, Tenant
from node_agent.naming import named
from node_agent.plan import explains
from node_agent.ports import Daemons, Gpus, Models, Processes
from node_agent.triton_log import last_error

log = structlog.get_logger("segment")


@dataclass
class Segments:
    """What segments are made of on this host; `folder` holds one directory per segment."""

    gpus: Gpus
    models: Models
    daemons: Daemons
    units: Processes
    journal: Journal
    folder: Path

    async def ensure(self, spec: SegmentSpec, present: tuple[Instance, ...] = ()) -> SegmentStatus:
        """Brings the segment up to its spec, or as far as it gets now; what it is then. Errors: see the ports.

        `present` are the GPU instances that NVML has just shown: what runs on one of them needs no carving.
        """
        record = self.journal.records.get(spec.id) or Record(spec)
        self.journal.put(record)  # written ahead: after a crash, whatever stands at its start is known to be ours
        if not (self.units.complete(record) and record.mig_uuid and _stands(record, present)):
            record = await self._carve(record)
        record = await self._daemon(record)
        record, note = await self._processes(record)
        return await self._status(record, note)

    async def look(self, record: Record, why: str) -> SegmentStatus:
        """What the segment is on a GPU that is ill because of `why`: nothing is mended, nothing counts as ready."""
        endpoints = tuple(replace(end, ready=False) for end in await self.units.probe(record))
        return SegmentStatus(record.spec.id, State.FAILED, why, endpoints, record.mig_uuid, record.restarts)

    async def remove(self, record: Record) -> None:
        """Takes everything of the segment away, then forgets it. Conflict while something holds its instance."""
        record = replace(self.journal.records.get(record.spec.id, record), removing=True)
        self.journal.put(record)
        await self.units.end(record)
        home = self.home(record.spec)
        await self.daemons.stop(home, record.mig_uuid, record.mps)
        await self.units.clear(home)
        gi = record.gi if record.gi is not None else await asyncio.to_thread(self._made_unwritten, record)
        if gi is not None:
            await asyncio.to_thread(self.gpus.destroy, record.spec, gi)
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
        self.journal.drop(record.spec.id)
        log.info("segment removed", segment=record.spec.id, workload=record.spec.workload)

    async def sweep(self) -> None:
        """After a crash: ends processes that were started but never written down, removes what no record explains."""
        await self.units.clear(self.folder, tuple(self.journal.records.values()))
        for home in self.folder.iterdir() if self.folder.exists() else ():
            if home.name not in self.journal.records:
                await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)

    def home(self, spec: SegmentSpec) -> Path:
        """The segment's own directory."""
        return self.folder / spec.id

    def _made_unwritten(self, record: Record) -> int | None:
        """The instance that was made just before a crash, before its id was written."""
        beside = [r for r in self.journal.records.values() if r.spec.gpu_uuid == record.spec.gpu_uuid]
        others = [r for r in beside if r.spec.id != record.spec.id and r.gi is not None]
        for gpu in self.gpus.observe():
            for found in gpu.instances if gpu.uuid == record.spec.gpu_uuid else ():
                if explains(record, found) and not any(explains(other, found) for other in others):
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
            await self.units.end(record)
            await self.daemons.stop(self.home(record.spec), record.mig_uuid, record.mps)
        record = replace(record, ci=ci, mig_uuid=uuid)
        self.journal.put(record)
        return record

    async def _daemon(self, record: Record) -> Record:
        """The MPS daemon is the fault domain: when it died, all its clients start again with a new one."""
        if self.daemons.alive(record.mps):
            return record
        if record.mps is not None:
            log.warning("MPS daemon died: restarting its segment", segment=record.spec.id)
            await self.units.end(record)
        record = replace(record, mps=await self.daemons.start(self.home(record.spec), record.mig_uuid))
        self.journal.put(record)
        return record

    async def _processes(self, record: Record) -> tuple[Record, str]:
        """The record with its processes started as far as may be, and what it waits for."""
        if self.units.complete(record):
            return record, ""
        spec, home = record.spec, self.home(record.spec)
        models = {one.workload: path for one in spec.served if (path := self._model(spec, one))}
        if missing := [one for one in spec.served if one.workload not in models]:
            return record, _awaited(spec, missing)
        return await self.units.mend(record, home, models), ""

    def _model(self, spec: SegmentSpec, one: Tenant) -> Path | None:
        with named(spec, one):
            return self.models.find(one.model_digest)

    async def _status(self, record: Record, note: str) -> SegmentStatus:
        endpoints = await self.units.probe(record)
        ready = bool(endpoints) and all(end.ready for end in endpoints)
        if ready and not record.served:
            record = replace(record, served=True)
            self.journal.put(record)
        failures = self.units.failures(record.spec.id)
        state = State.READY if ready else State.FAILED if record.served or failures > 1 else State.CREATING
        message = "" if ready else note or self._message(record, endpoints, failures)
        return SegmentStatus(record.spec.id, state, message, endpoints, record.mig_uuid, record.restarts)

    def _message(self, record: Record, endpoints: tuple[Endpoint, ...], failures: int) -> str:
        silent = [index for index, end in enumerate(endpoints) if not end.ready]
        waiting = f"{len(silent)} of {record.spec.processes} processes do not answer yet"
        if failures > 1:
            waiting += f"; one ended {failures} times in a row"
        hint = last_error(self.home(record.spec) / f"triton-{silent[0]}.log") if silent else ""
        return f"{waiting}: {hint}" if hint else waiting


def _stands(record: Record, present: tuple[Instance, ...]) -> bool:
    return record.gi is not None and any(explains(record, instance) for instance in present)


def _awaited(spec: SegmentSpec, missing: list[Tenant]) -> str:
    """What is on its way, one sentence."""
    if not spec.tenants:
        return f"the model {spec.model_digest[:19]} is being downloaded"
    names = ", ".join(one.workload for one in missing)
    return f"{len(missing)} of {len(spec.tenants)} models are being downloaded: those of {names}"
