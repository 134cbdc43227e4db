"""The agent's turn: observe, diff, act on each segment apart, report; by level, so a missed event costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from common.errors import SliceplaneError
from node_agent import plan as planning
from node_agent.model import Condition, Desired, Gpu, Instance, Observed, Record, SegmentSpec, SegmentStatus, State
from node_agent.segment import Segments

log = structlog.get_logger("agent")
TURN_S = 1.0
BUSY_TURN_S = 0.25
SURVEY_S = 5.0  # the first report waits so long for the first look at every segment
RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
STUCK_AFTER = 5


@dataclass
class Trouble:
    """What keeps failing: how often so far, why, and when (monotonic s) to try again."""

    tries: int = 0
    why: str = ""
    again_at: float = 0.0


@dataclass
class Agent:
    """Turns the desired state into running segments.

    `changed` is set whenever there is something new to report; `surveyed` once there is anything worth reporting:
    a report made earlier would say that what an agent before us left running does not answer.
    """

    segments: Segments
    retry_s: tuple[float, ...] = RETRY_S
    statuses: dict[str, SegmentStatus] = field(default_factory=dict)
    gpus: dict[str, Gpu] = field(default_factory=dict)
    plans: dict[str, planning.Steps] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    surveyed: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _workers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _driver: str = ""
    _converged: int = 0

    def accept(self, desired: Desired) -> bool:
        """Takes a desired state unless it is older than the one in force; whether it was taken."""
        if not desired.supersedes(self.segments.journal.desired):
            log.warning("refused an older desired state", epoch=desired.epoch, generation=desired.generation)
            return False
        self.segments.journal.accept(desired)
        self._wake.set()
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Turns until `stop`; what runs then goes on running."""
        await self.segments.sweep()
        self._driver = await asyncio.to_thread(self.segments.gpus.driver_version)
        await self._guarded_turn()
        if self._workers:
            await asyncio.wait(self._workers.values(), timeout=SURVEY_S)
        self.surveyed.set()
        while not stop.is_set():
            await self._rest(stop)
            await self._guarded_turn()
        await self.settle()

    async def turn(self) -> None:
        """One turn: segments whose worker of a turn before still works are left to it, so none holds up another."""
        journal = self.segments.journal
        seen = await asyncio.to_thread(self.segments.gpus.observe)
        gpus = {gpu.uuid: gpu for gpu in seen}
        plans = planning.by_gpu(journal.desired.segments, tuple(journal.records.values()), gpus)
        if (gpus, plans) != (self.gpus, self.plans):
            self.gpus, self.plans = gpus, plans
            self.changed.set()
        self._forget_departed()
        for uuid, steps in plans.items():
            self._dispatch(uuid, steps)

    async def teardown(self, timeout_s: float = 60.0) -> None:
        """Removes every segment, for a host that is being given up; what resists beyond `timeout_s` is left."""
        journal = self.segments.journal
        journal.accept(replace(journal.desired, segments=()))
        self.troubles.clear()
        deadline = time.monotonic() + timeout_s
        while journal.records and time.monotonic() < deadline:
            await self._guarded_turn()
            await asyncio.sleep(BUSY_TURN_S)
        await self.settle()
        for id_, trouble in self.troubles.items():
            log.error("left behind", segment=id_, why=trouble.why)

    def observed(self) -> Observed:
        """All that there is to report."""
        desired, records = self.segments.journal.desired, self.segments.journal.records
        begun = {id_: SegmentStatus(id_, State.CREATING) for id_ in records}
        blocked = {s.id: SegmentStatus(s.id, State.CREATING, why) for p in self.plans.values() for s, why in p.blocked}
        known = {id_: status for id_, status in self.statuses.items() if id_ in begun or id_ in blocked}
        statuses = {**begun, **blocked, **known}
        wanted = {spec.id for spec in desired.segments}
        if set(statuses) == wanted and all(s.state is State.READY for s in statuses.values()):
            self._converged = desired.generation
        conditions = (*planning.conditions(self.plans, self.gpus), *self._stuck())
        ordered = tuple(statuses[id_] for id_ in sorted(statuses))
        gpus = tuple(gpu for gpu in self.gpus.values() if gpu.identified)
        return Observed(desired.epoch, self._converged, gpus, ordered, conditions, self._driver)

    def _stuck(self) -> list[Condition]:
        found = {id_: (t.tries, t.why) for id_, t in self.troubles.items()}
        for id_, status in self.statuses.items():
            found.setdefault(id_, (self.segments.units.failures(id_), status.message))
        return [
            Condition("Stuck", "REPEATED_FAILURE", f"segment {id_} failed {tries} times: {why}")
            for id_, (tries, why) in sorted(found.items())
            if tries >= STUCK_AFTER
        ]

    async def _guarded_turn(self) -> None:
        try:
            await self.turn()
        except (SliceplaneError, OSError) as error:  # NVML itself is away: say so, look again
            log.warning("cannot observe the host", why=str(error))

    async def _rest(self, stop: asyncio.Event) -> None:
        busy = any(status.state is not State.READY for status in self.statuses.values())
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, stop)]
        await asyncio.wait(waits, timeout=BUSY_TURN_S if busy else TURN_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._wake.clear()

    async def settle(self) -> None:
        """Lets steps that have begun come to their end: cut in the middle, they would be there to mend later."""
        if self._workers:
            _, late = await asyncio.wait(self._workers.values(), timeout=SURVEY_S)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _forget_departed(self) -> None:
        """Troubles and statuses of segments that are neither there nor wanted."""
        journal = self.segments.journal
        alive = {*journal.records, *(spec.id for spec in journal.desired.segments)}
        if gone := {*self.statuses, *self.troubles} - alive:
            self.statuses = {id_: status for id_, status in self.statuses.items() if id_ not in gone}
            self.troubles = {id_: trouble for id_, trouble in self.troubles.items() if id_ not in gone}
            self.changed.set()

    def _prune(self) -> None:
        """Lets go of models that no segment, there or wanted, serves."""
        journal = self.segments.journal
        specs = (*journal.desired.segments, *(record.spec for record in journal.records.values()))
        self.segments.models.prune({one.model_digest for spec in specs for one in spec.served})

    def _dispatch(self, uuid: str, steps: planning.Steps) -> None:
        present = self.gpus[uuid].instances if uuid in self.gpus else ()
        for record in steps.remove:
            self._begin(record.spec.id, State.REMOVING, self._remove(record))
        for record in steps.keep:
            job = self._look(record, steps.ill) if steps.ill else self._ensure(record.spec, present)
            self._begin(record.spec.id, State.FAILED, job)
        for spec in steps.create:
            self._begin(spec.id, State.FAILED, self._ensure(spec, present))

    def _begin(self, id_: str, otherwise: State, job: Coroutine[Any, Any, None]) -> None:
        busy = id_ in self._workers and not self._workers[id_].done()
        trouble = self.troubles.get(id_)
        if busy or (trouble and time.monotonic() < trouble.again_at):
            job.close()
        else:
            self._workers[id_] = asyncio.create_task(self._guarded(id_, otherwise, job))

    async def _ensure(self, spec: SegmentSpec, present: tuple[Instance, ...]) -> None:
        status, trouble = await self.segments.ensure(spec, present), self.troubles.get(spec.id)
        if trouble and status.state is State.CREATING and not status.endpoints:
            # Trying again, a download say, is no success yet: what failed stays failed, and its pauses go on growing.
            status = replace(status, state=State.FAILED, message=f"{status.message}, after: {trouble.why}")
        else:
            self.troubles.pop(spec.id, None)
        self._say(status)

    async def _look(self, record: Record, why: str) -> None:
        self._say(await self.segments.look(record, why))
        self.troubles.pop(record.spec.id, None)

    async def _remove(self, record: Record) -> None:
        if record.spec.id not in self.troubles:
            self._say(SegmentStatus(record.spec.id, State.REMOVING, mig_uuid=record.mig_uuid))
        await self.segments.remove(record)
        self.statuses.pop(record.spec.id, None)
        self.troubles.pop(record.spec.id, None)
        self.changed.set()
        self._wake.set()  # what waited for its slices may come now
        self._prune()

    async def _guarded(self, id_: str, otherwise: State, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except Exception as error:  # one segment's fault, known or not, must not cost the others their agent
            if not isinstance(error, SliceplaneError | OSError):
                log.error("step failed unexpectedly", segment=id_, exc_info=error)
            self._trouble(id_, otherwise, str(error) or repr(error))
        finally:
            if self._workers.get(id_) is asyncio.current_task():
                del self._workers[id_]

    def _trouble(self, id_: str, otherwise: State, why: str) -> None:
        tries = self.troubles[id_].tries + 1 if id_ in self.troubles else 1
        pause = self.retry_s[min(tries, len(self.retry_s)) - 1]
        self.troubles[id_] = Trouble(tries, why, time.monotonic() + pause)
        log.warning("step failed", segment=id_, tries=tries, why=why)
        known = self.statuses.get(id_, SegmentStatus(id_, otherwise))
        self._say(replace(known, state=otherwise, message=why))

    def _say(self, status: SegmentStatus) -> None:
        before = self.statuses.get(status.id)
        if before != status:
            self.statuses[status.id] = status
            self.changed.set()
            if before is None or before.state is not status.state:
                log.info("segment", segment=status.id, state=status.state.value, message=status.message)
