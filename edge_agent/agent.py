"""The agent: which bundle it runs and how that changes, and one answer for each item that comes in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from common import backoff
from common.errors import FailedPrecondition, InvalidArgument, SliceplaneError, Unavailable
from edge_agent.bundles import MISMATCH, BundleStore, Fetch
from edge_agent.engine import Engine
from edge_agent.head import check
from edge_agent.model import Answer, Assignment, CutAt, Frame, Reason, Refusal, Tensors, TensorSpec, Where, skipped
from edge_agent.pipelines import Pipelines
from edge_agent.preparing import Preparing, digest_of_file
from edge_agent.rollout import Rollout
from edge_agent.serving import Serving
from edge_agent.stats import Stats

log = structlog.get_logger("agent")

Load = Callable[[tuple[TensorSpec, ...]], Awaitable[Tensors]]
"""The inputs of one frame for a model with those inputs. Raises the closed set of errors."""


@dataclass(frozen=True, slots=True)
class Item:
    """One input before it is read. `deadline_s`: seconds from its admission; None: the agent's default."""

    id: str
    load: Load
    deadline_s: float | None = None


class Agent:
    """Runs one model at a time, cut in one place, or in one of several that it was given.

    `level` "": from the bundle's default upwards, down to `min_level` where a deadline demands it; `threads` 0: as many
    as there are cores; `dial`: whether tails are used at all.
    """

    def __init__(
        self,
        engine: Engine,
        pipelines: Pipelines,
        store: BundleStore,
        fetch: Fetch,
        *,
        level: str,
        min_level: str = "",
        threads: int,
        deadline_s: float,
        dial: bool = True,
        rollout: Rollout | None = None,
        stats: Stats | None = None,
    ) -> None:
        self.stats = stats or Stats()
        self._rollout = rollout
        self._pipelines = pipelines
        self.ready = asyncio.Event()
        self.trouble = "no bundle has been assigned yet"
        self.refusal = rollout.gone_back if rollout else None
        self._engine, self._store, self._fetch = engine, store, fetch
        self._preparing = Preparing(rollout, level, min_level, threads)
        self._deadline_s, self._dial = deadline_s, dial
        self._wanted: Assignment | None = None
        self._change = asyncio.Event()
        self._retiring: set[asyncio.Task[None]] = set()

    async def answer(self, item: Item) -> Answer:
        """The one answer to `item`, whatever happens; waits for the first bundle."""
        await self.ready.wait()
        serving, arrived = self._current(), time.monotonic()
        deadline_at = arrived + (self._deadline_s if item.deadline_s is None else item.deadline_s)
        try:
            inputs = await item.load(serving.whole.inputs)
            check(serving.whole.inputs, inputs)
        except SliceplaneError as error:
            answer = Answer(item.id, Where.FAILED, {}, error=error.message, bundle=serving.digest)
        else:
            answer = await self._engine.answer(Frame(item.id, inputs, arrived, deadline_at), serving)
            if answer.where is not Where.FAILED:
                self._pipelines.saw(inputs)
                if self._rollout:
                    self._rollout.saw(inputs)
        self.stats.add(answer)
        return answer

    def skip(self, item: Item) -> Answer:
        """The answer to `item` where a newer one of its source has overtaken it."""
        answer = skipped(item.id)
        self.stats.add(answer)
        return answer

    @property
    def serving(self) -> Serving | None:
        """What the next frame takes."""
        return self._pipelines.current

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the model takes. Raises Unavailable as long as there is none."""
        return self._current().whole.inputs

    def assign(self, assignment: Assignment) -> None:
        """Says what to run from now on; `run` brings it about."""
        self._wanted = assignment
        self._change.set()

    async def run_file(self, path: Path, target: str) -> None:
        """Runs the bundle in a file with the tail at `target`, "" for none; if it cannot be used, the last good one.

        If there is none either, but only its cut is at fault, its whole model. Raises Internal, InvalidArgument,
        FailedPrecondition if nothing can run.
        """
        try:
            await self._switch(path, target)
        except SliceplaneError as error:
            if not await self.run_last(target) and not await self._run_whole(path):
                raise
            log.error("the bundle cannot be used; another runs, or a part", path=str(path), why=error.message)
            return
        self.refusal = None
        try:
            await self._store.adopt(path, self._current().digest)
        except Unavailable as error:
            log.warning("there will be no bundle to go back to", why=error.message)

    async def add_file(self, path: Path, target: str) -> None:
        """Holds another cut of the model that runs, its tail at `target`; one that cannot be used is left out."""
        if self._rollout:
            self._rollout.joins(await asyncio.to_thread(digest_of_file, path))
        try:
            other = await self._prepare(path, beside=self._current())
        except SliceplaneError as error:
            log.error("another cut cannot be used; the agent goes on without", path=str(path), why=error.message)
            return
        await other.connect(target if self._dial else "")
        self._pipelines.add(other)
        log.info("another cut is held", bundle=other.digest, target=target)

    async def run_last(self, target: str) -> bool:
        """Runs the bundle that ran last, without any network; False if there is none that can be used.

        The last resort is the whole model of one whose cut was refused.
        """
        for digest in self._rollout.last if self._rollout else ():
            if path := self._store.find(digest):
                try:
                    await self._switch(path, target)
                except SliceplaneError as error:
                    log.error("a bundle that ran cannot be used", bundle=digest, why=error.message)
                else:
                    return True
        return await self._run_refused()

    async def run(self, saved: Callable[[Assignment], None]) -> None:
        """Follows the assignments until cancelled; `saved` is told each one that runs."""
        while True:
            await self._change.wait()
            self._change.clear()
            for pause in backoff.delays(limit_s=10.0):
                wanted = self._wanted
                if wanted is None or await self._follow(wanted, saved):
                    break
                try:
                    await asyncio.wait_for(self._change.wait(), pause)
                except TimeoutError:
                    continue
                break

    async def close(self) -> None:
        """Ends the stream and what waits."""
        for task in self._retiring:
            task.cancel()
        await self._pipelines.close()
        await self._engine.close()

    async def _follow(self, wanted: Assignment, saved: Callable[[Assignment], None]) -> bool:
        """Whether all of `wanted` runs now that may."""
        if not wanted.bundle_digest:  # no such workload any more: the last bundle goes on, locally
            self.trouble = wanted.message or "the controller assigned no bundle"
            for held in self._pipelines.held.values():
                await held.connect("")
            if self.serving:
                saved(Assignment(self.serving.digest, ""))
            return True
        self._store.keep(2 + len(wanted.others))
        digests = {wanted.bundle_digest, *(cut.bundle_digest for cut in wanted.others)}
        main = await self._follow_main(wanted)
        if not main and self.serving and self.serving.digest not in digests:
            return False  # what runs goes on, and is of another model perhaps
        done = [await self._take_beside(cut) for cut in (wanted.others if self._dial else ())]
        if digests & self._pipelines.held.keys():
            saved(wanted)
        if main:
            self._retire(self._pipelines.keep(digests))
        return main and all(done)

    async def _follow_main(self, wanted: Assignment) -> bool:
        try:
            await self._take(CutAt(wanted.bundle_digest, wanted.target))
        except SliceplaneError as error:
            self.trouble = f"the assigned bundle cannot be used: {error.message}"
            log.warning("cannot follow the assignment", bundle=wanted.bundle_digest, why=error.message)
            if not self.serving:
                await self._run_refused()
            return False
        self.refusal = None
        return True

    async def _take(self, cut: CutAt) -> None:
        """Runs it, in the place of all that is held, unless it is held."""
        if path := await self._fetched(cut):
            await self._switch(path, cut.target)

    async def _take_beside(self, cut: CutAt) -> bool:
        """Holds it beside what runs; False if trying again may help."""
        try:
            if not self.serving or self.serving.without is Reason.CUT_REFUSED:  # the one that was to run cannot
                await self._take(cut)
            elif path := await self._fetched(cut):
                await self.add_file(path, cut.target)
        except SliceplaneError as error:
            log.warning("another cut is not held", bundle=cut.bundle_digest, why=error.message)
            return isinstance(error, FailedPrecondition | InvalidArgument)
        return True

    async def _fetched(self, cut: CutAt) -> Path | None:
        """Its file; None if it is held, and connected now."""
        try:
            if self._rollout:
                self._rollout.admit(cut.bundle_digest)
            if held := self._pipelines.held.get(cut.bundle_digest):
                await held.connect(cut.target if self._dial else "")
                return None
            return await self._store.ensure(cut.bundle_digest, self._fetch)
        except SliceplaneError as error:
            if isinstance(error, FailedPrecondition) or error.reason == MISMATCH:
                self.refusal = Refusal(cut.bundle_digest, error.message)
            raise

    async def _prepare(self, path: Path, beside: Serving | None = None) -> Serving:
        try:
            return await self._preparing.bundle(path, None if beside else self.serving, beside)
        except SliceplaneError as error:
            self.refusal = Refusal(await asyncio.to_thread(digest_of_file, path), error.message)
            raise

    async def _switch(self, path: Path, target: str) -> None:
        """Makes the bundle ready beside the one that runs, then puts it in its place."""
        fresh = await self._prepare(path)
        await self._run(fresh, target)
        if self._rollout:
            self._rollout.promoted(fresh.digest)

    async def _run_refused(self) -> bool:
        path = self._store.find(self._rollout.whole_only) if self._rollout and self._rollout.whole_only else None
        return path is not None and await self._run_whole(path)

    async def _run_whole(self, path: Path) -> bool:
        """Runs all of a model here whose cut alone was refused; False if that may not be, or cannot."""
        if fresh := await self._preparing.whole(path):
            await self._run(fresh, "")
        return fresh is not None

    async def _run(self, fresh: Serving, target: str) -> None:
        await fresh.connect(target if self._dial else "")
        before = self._pipelines.run(fresh)
        self.ready.set()
        log.info("bundle runs", bundle=fresh.digest, level=fresh.pace.held, target=target)
        self._retire(before)

    def _retire(self, servings: Iterable[Serving]) -> None:
        for old in servings:
            task = asyncio.create_task(old.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _current(self) -> Serving:
        if self.serving is None:
            raise Unavailable(f"this agent has no model yet: {self.trouble}")
        return self.serving
