"""Answers frames: head, encode, stream and wait, or the whole model here; exactly one answer per frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from common.errors import SliceplaneError
from edge_agent.attempt import Run, SplitError, attempt
from edge_agent.choose import Choice, Link, Trust, choose, local_first, probe_after, smoothed
from edge_agent.compute import NORMAL, URGENT, Compute
from edge_agent.ground import Ground
from edge_agent.guard import Guard
from edge_agent.model import Answer, Frame, Goal, Mode, Reason, Tensors, Where
from edge_agent.rest import Rest
from edge_agent.serving import Serving

T = TypeVar("T")


class Engine:
    """Answers frames in `mode`. `now` is a monotonic clock, seconds."""

    def __init__(
        self,
        mode: Mode,
        compute: Compute,
        now: Callable[[], float] = time.monotonic,
        goal: Goal = Goal.OFFLOAD,
    ) -> None:
        self._mode = mode
        self._goal = goal
        self._local_first = False
        self._rest = Rest()
        self._under_way = self._begun = 0
        self._probe_at = 0.0
        self._compute = compute
        self._now = now
        self._guard = Guard(now)
        self._background: set[asyncio.Task[Any]] = set()

    async def answer(self, frame: Frame, serving: Serving) -> Answer:
        """The one answer to `frame`, whatever happens."""
        run = Run(frame, serving, self._mode, self._compute, self._now, self._keep)
        serving.enter()
        self._under_way += 1
        self._begun += 1
        alone, begun, expected = self._under_way == 1, self._begun, (serving.alone_s, serving.ground.local_s)
        try:
            choice = choose(self._mode, self._link(serving), self._now(), frame.deadline_at)
            if choice.where is Where.LOCAL:
                answer = await self._locally(run, choice.reason)
            else:
                answer = await self._by_split(run, choice)
            if alone and begun == self._begun:
                self._learn_rest(answer, *expected, settled=serving.pace.settled)
            return answer
        finally:
            self._under_way -= 1
            serving.leave()

    async def close(self) -> None:
        """Ends what no frame waits for any more."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _link(self, serving: Serving) -> Link:
        barred = serving.session.barred if serving.session else serving.without
        # Frames that wait for the link do not speak for the device: it would take longer for each of them.
        faster = local_first(self._local_first, *self._times(serving))
        self._local_first = self._goal is Goal.LATENCY and faster
        return Link(
            barred, serving.trust, serving.expected_s, serving.ground.local_s, self._local_first, self._probe_at
        )

    def _probe_after(self, serving: Serving) -> float:
        return probe_after(*self._times(serving), settled=serving.pace.settled)

    def _times(self, serving: Serving) -> tuple[float | None, float | None]:
        """What a frame that is alone takes by the split and on the device, seconds; None: not known yet."""
        split_s, local_s = serving.alone_s, serving.ground.local_s
        rest = self._rest.usual
        return None if split_s is None else split_s + rest[0], None if local_s is None else local_s + rest[1]

    def _learn_rest(self, answer: Answer, split_s: float | None, local_s: float | None, *, settled: bool) -> None:
        took_s = answer.timing.total_ms / 1000
        if answer.where is Where.SPLIT and split_s is not None and settled:
            self._rest.split(took_s - split_s)
        elif answer.where is Where.LOCAL and local_s is not None and not answer.timing.head_ms:
            self._rest.local(took_s - local_s)

    def _set_trust(self, serving: Serving, trust: Trust) -> None:
        serving.trust = trust
        self._guard.doubt(trust.misses > 0)

    async def _by_split(self, run: Run, choice: Choice) -> Answer:
        run.trial = choice.trial
        if choice.trial:
            self._set_trust(run.serving, run.serving.trust.trying(self._now()))
            self._probe_at = self._now() + self._probe_after(run.serving)
        task = self._keep(asyncio.create_task(attempt(run)))
        task.add_done_callback(lambda done: self._learn(run, done))
        try:
            local_s = None if self._mode is Mode.SPLIT else run.serving.ground.local_s
            await self._guard.wait(task, run.frame, local_s)
            if _succeeded(task):
                self._calibrate(run)
                return self._done(run, Where.SPLIT, task.result())
            run.given_up = True
            if run.sent_at:
                run.serving.pace.stalled(run.level, self._now() - run.sent_at)
            return await self._instead(run, task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _instead(self, run: Run, task: asyncio.Task[Tensors]) -> Answer:
        """Falls back to the device; a tail's answer that overtakes the local run still counts."""
        reason, why = _why(run, task)
        if reason in _MISSES:
            self._set_trust(run.serving, run.serving.trust.missed(self._now()))
        if self._mode is Mode.SPLIT:
            task.cancel()
            return self._done(run, Where.FAILED, {}, reason, why)
        local = asyncio.create_task(self._locally(run, reason))
        try:
            waiting = {local} if task.done() else {local, task}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if local.done() or not _succeeded(task):
                return await local
            return self._done(run, Where.SPLIT, task.result())
        finally:
            local.cancel()

    async def _locally(self, run: Run, reason: Reason | None) -> Answer:
        inputs, whole = run.frame.inputs, run.serving.whole
        try:
            outputs, took_s = await self._compute.run(URGENT, lambda: whole(inputs))
        except SliceplaneError as error:
            return self._done(run, Where.FAILED, {}, reason, error.message)
        run.timing.local_ms = 1000 * took_s
        run.serving.ground.local_s = smoothed(run.serving.ground.local_s, took_s)
        return self._done(run, Where.LOCAL, outputs, reason)

    def _done(self, run: Run, where: Where, outputs: Tensors, reason: Reason | None = None, error: str = "") -> Answer:
        now = self._now()
        run.timing.total_ms = 1000 * (now - run.frame.arrived)
        return Answer(
            run.frame.id,
            where,
            outputs,
            reason,
            run.level if where is Where.SPLIT else "",
            error,
            now > run.frame.deadline_at,
            run.serving.digest,
            run.timing,
        )

    def _learn(self, run: Run, task: asyncio.Task[Tensors]) -> None:
        """An answer of the tail, in time or not, teaches how long it takes."""
        if not _succeeded(task):
            return
        took = self._now() - run.frame.arrived
        run.serving.split_s = took if run.trial else smoothed(run.serving.split_s, took)
        trust = run.serving.trust
        self._set_trust(run.serving, trust.answered_late() if run.given_up else trust.answered())

    def _calibrate(self, run: Run) -> None:
        """Learns once what a local run takes, where no warm-up could tell: the sizes of the inputs were open."""
        ground, whole, inputs = run.serving.ground, run.serving.whole, run.frame.inputs
        if ground.local_s is None and self._mode is Mode.AUTO and not ground.calibrating:
            ground.calibrating = True
            job = asyncio.create_task(self._compute.run(NORMAL, lambda: whole(inputs)))
            job.add_done_callback(lambda done: _learn_local(ground, done))
            self._keep(job)

    def _keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


_MISSES = {Reason.DEADLINE, Reason.TAIL_UNREACHABLE, Reason.SPLIT_FAILED}
"""What speaks against the tail; a broken stream is known to the session anyway."""


def _succeeded(task: asyncio.Task[Tensors]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _why(run: Run, task: asyncio.Task[Tensors]) -> tuple[Reason, str]:
    """Why the split gave no answer: its error, or that it was too slow."""
    if not task.done() or task.cancelled():
        return run.trouble or Reason.DEADLINE, "the tail did not answer in time"
    error = task.exception()
    if isinstance(error, SplitError):
        return error.reason, str(error)
    return Reason.SPLIT_FAILED, error.message if isinstance(error, SliceplaneError) else repr(error)


def _learn_local(ground: Ground, done: asyncio.Task[tuple[Tensors, float]]) -> None:
    if not done.cancelled() and done.exception() is None:
        ground.local_s = smoothed(ground.local_s, done.result()[1])
