"""The shell of the reconcile loop: read, tell, decide, commit; and the campaign for leadership."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from common.errors import Conflict, SliceplaneError
from controller.links.edge import EdgeLinks
from controller.links.node import NodeLinks
from controller.ports import Decision, Leader, PlaneStore, Snapshot, Wakeups
from controller.reconcile import Options, decide
from controller.xds.server import Xds

log = structlog.get_logger("turn")

CONFIRM_S = 2.0
RETRY_S = 0.5
CONFLICTS_AT_ONCE = 5

Observe = Callable[[str, float], None]  # outcome, seconds


def utc_now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


@dataclass
class Turns:
    """Every replica reads and tells clients; the leader also decides, commits and tells hosts.

    Hosts and clients are only ever told what is committed: what a turn decides, the next one reads and tells.
    """

    store: PlaneStore
    leader: Leader
    wakeups: Wakeups
    nodes: NodeLinks
    devices: EdgeLinks
    xds: Xds
    options: Options
    turn_s: float = 2.0
    now: Callable[[], datetime] = utc_now
    observe: Observe = lambda _outcome, _seconds: None
    leading_since: datetime | None = None
    stopping: bool = False

    async def run(self) -> None:
        """Runs until it is cancelled; a cancellation that a database driver swallows is made good by `stopping`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._campaign())
            tasks.create_task(self._loop())

    async def turn(self) -> str:
        """One turn; says what came of it: "followed", "rested" or "committed". Conflict: decide again."""
        snapshot = await self.store.snapshot()
        epoch, since = self.leader.epoch, self.leading_since
        await self.xds.publish(snapshot)
        self.devices.publish(snapshot)
        if not epoch or since is None:
            return "followed"
        self.nodes.publish(snapshot, epoch)
        await self.nodes.correct(snapshot, since)
        decision = await asyncio.to_thread(self._decide, snapshot, since)
        if decision == Decision():
            return "rested"
        await self.store.commit(decision, basis=snapshot.basis, epoch=epoch)
        _tell(decision)
        return "committed"

    def _decide(self, snapshot: Snapshot, since: datetime) -> Decision:
        started = time.perf_counter()
        decision = decide(snapshot, self.now(), replace(self.options, leading_since=since))
        if decision.plan is None:
            return decision
        elapsed_ms = (time.perf_counter() - started) * 1000
        return replace(decision, plan=replace(decision.plan, elapsed_ms=elapsed_ms))

    async def _loop(self) -> None:
        conflicts = 0
        while not self.stopping:
            ticket = self.wakeups.ticket()
            outcome = await self._guarded()
            conflicts = conflicts + 1 if outcome == "conflict" else 0
            if 0 < conflicts <= CONFLICTS_AT_ONCE:
                continue
            if outcome in ("failed", "conflict"):
                await asyncio.sleep(RETRY_S)
            else:
                await self.wakeups.after(ticket, self.turn_s)

    async def _guarded(self) -> str:
        """A turn whose failure does not end the loop: what runs goes on, and the next turn tries again."""
        started = time.perf_counter()
        try:
            outcome = await self.turn()
        except Conflict as conflict:
            outcome = "conflict"
            log.info("decided on what has changed since: again", reason=conflict.reason, why=conflict.message)
            await self.leader.confirm()
        except SliceplaneError as error:
            outcome = "failed"
            log.warning("turn failed: again soon", reason=error.reason, why=error.message)
        except Exception as error:
            outcome = "failed"
            log.error("turn failed: a fault of ours", error=repr(error), exc_info=error)
        self.observe(outcome, time.perf_counter() - started)
        return outcome

    async def _campaign(self) -> None:
        while not self.stopping:
            await self.leader.hold()
            self.leading_since = self.now()
            log.info("leading", epoch=self.leader.epoch)
            self.wakeups.poke()
            await self._lost()
            self.leading_since = None
            self.nodes.resign()
            log.warning("no longer leading")

    async def _lost(self) -> None:
        """Returns once we lead no more."""
        while not self.stopping:
            await asyncio.sleep(CONFIRM_S)
            if not await self.leader.confirm():
                return


def _tell(decision: Decision) -> None:
    for event in decision.events:
        (log.warning if event.warning else log.info)(
            event.message, reason=event.reason, kind=event.subject_kind, subject=event.subject
        )
