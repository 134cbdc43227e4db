"""The agent's turn: observe, diff, act on each GPU apart, report; by level, so a missed event costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from common.errors import SliceplaneError
from node_agent import plan as planning
from node_agent.model import Condition, Desired, Gpu, Observed, Record, SegmentSpec, SegmentStatus, State
from node_agent.segment import Segments

log = structlog.get_logger("agent")
TURN_S = 1.0
BUSY_TURN_S = 0.25
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
    """Turns the desired state into running segments. `changed` is set whenever there is something new to report."""

    segments: Segments
    statuses: dict[str, SegmentStatus] = field(default_factory=dict)
    gpus: dict[str, Gpu] = field(default_factory=dict)
    plans: dict[str, planning.Steps] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _workers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _driver: str = ""

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
        self._driver = await asyncio.to_thread(self.segments.gpus.driver_version)
        while not stop.is_set():
            await self.turn()
            await self._rest(stop)
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    async def turn(self) -> None:
        """One turn: GPUs whose worker of the turn before still works are left to it, so none holds up another."""
        wanted = self.segments.journal.desired.segments
        seen = await asyncio.to_thread(self.segments.gpus.observe)
        gpus = {gpu.uuid: gpu for gpu in seen}
        plans = planning.by_gpu(wanted, tuple(self.segments.journal.records.values()), gpus)
        if (gpus, plans) != (self.gpus, self.plans):
            self.gpus, self.plans = gpus, plans
            self.changed.set()
        for uuid, steps in plans.items():
            if uuid not in self._workers or self._workers[uuid].done():
                self._workers[uuid] = asyncio.create_task(self._work(uuid, steps))

    async def teardown(self) -> None:
        """Removes every segment, for a host that is being given up."""
        records = list(self.segments.journal.records.values())
        await asyncio.gather(*(self._remove(record) for record in records))

    def observed(self) -> Observed:
        """All that there is to report."""
        journal = self.segments.journal
        records = {id_: SegmentStatus(id_, State.CREATING) for id_ in journal.records}
        blocked = {s.id: SegmentStatus(s.id, State.CREATING, why) for p in self.plans.values() for s, why in p.blocked}
        known = {id_: status for id_, status in self.statuses.items() if id_ in records or id_ in blocked}
        statuses = {**records, **blocked, **known}
        wanted = {spec.id for spec in journal.desired.segments}
        done = set(statuses) == wanted and all(s.state is State.READY for s in statuses.values())
        converged = journal.desired.generation if done else max(0, journal.desired.generation - 1)
        conditions = (*planning.conditions(self.plans, self.gpus), *self._stuck())
        ordered = tuple(statuses[id_] for id_ in sorted(statuses))
        gpus = tuple(self.gpus.values())
        return Observed(journal.desired.epoch, converged, gpus, ordered, conditions, self._driver)

    def _stuck(self) -> list[Condition]:
        return [
            Condition("Stuck", "REPEATED_FAILURE", f"segment {id_} failed {trouble.tries} times: {trouble.why}")
            for id_, trouble in sorted(self.troubles.items())
            if trouble.tries >= STUCK_AFTER
        ]

    async def _rest(self, stop: asyncio.Event) -> None:
        busy = any(status.state is not State.READY for status in self.statuses.values())
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, stop)]
        await asyncio.wait(waits, timeout=BUSY_TURN_S if busy else TURN_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._wake.clear()

    async def _work(self, uuid: str, steps: planning.Steps) -> None:
        present = frozenset(i.gi for i in self.gpus[uuid].instances) if uuid in self.gpus else frozenset()
        jobs: list[Coroutine[Any, Any, None]] = [self._remove(record) for record in steps.remove]
        jobs += [self._ensure(record.spec, present) for record in steps.keep]
        jobs += [self._ensure(spec, present) for spec in steps.create]
        await asyncio.gather(*jobs)

    async def _ensure(self, spec: SegmentSpec, present: frozenset[int]) -> None:
        async def attempt() -> None:
            self._say(await self.segments.ensure(spec, present))

        await self._patiently(spec.id, State.FAILED, attempt)

    async def _remove(self, record: Record) -> None:
        self._say(SegmentStatus(record.spec.id, State.REMOVING, mig_uuid=record.mig_uuid))

        async def attempt() -> None:
            await self.segments.remove(record)
            self.statuses.pop(record.spec.id, None)
            self.changed.set()
            self._wake.set()  # what waited for its slices may come now

        await self._patiently(record.spec.id, State.REMOVING, attempt)

    async def _patiently(self, id_: str, otherwise: State, attempt: Callable[[], Awaitable[None]]) -> None:
        trouble = self.troubles.get(id_)
        if trouble and time.monotonic() < trouble.again_at:
            return
        try:
            await attempt()
            if id_ not in self.statuses or self.statuses[id_].state is State.READY:
                self.troubles.pop(id_, None)
        except (SliceplaneError, OSError) as error:
            tries = trouble.tries + 1 if trouble else 1
            pause = RETRY_S[min(tries, len(RETRY_S)) - 1]
            self.troubles[id_] = Trouble(tries, str(error), time.monotonic() + pause)
            log.warning("step failed", segment=id_, tries=tries, why=str(error))
            known = self.statuses.get(id_, SegmentStatus(id_, otherwise))
            self._say(replace(known, state=otherwise, message=str(error)))

    def _say(self, status: SegmentStatus) -> None:
        if self.statuses.get(status.id) != status:
            before = self.statuses.get(status.id)
            self.statuses[status.id] = status
            self.changed.set()
            if before is None or before.state is not status.state:
                log.info("segment", segment=status.id, state=status.state.value, message=status.message)
