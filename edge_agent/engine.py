"""Answers frames: head, encode, stream and wait, or the whole model here; exactly one answer per frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from common.errors import SliceplaneError
from edge_agent.attempt import Run, SplitError, attempt
from edge_agent.choose import Choice, Link, Trust, choose, smoothed
from edge_agent.compute import NORMAL, URGENT, Compute
from edge_agent.ground import Ground
from edge_agent.guard import Guard
from edge_agent.model import Answer, Frame, Goal, Mode, Reason, Tensors, Where
from edge_agent.serving import Serving
from edge_agent.sides import Sides, Times

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
        self._sides = Sides(goal)
        self._under_way = self._begun = 0
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
        alone, begun, expected = self._under_way == 1, self._begun, _alone(serving)
        try:
            choice = choose(self._mode, self._link(serving, expected), self._now(), frame.deadline_at)
            if choice.where is Where.LOCAL:
                if choice.trial:
                    self._sides.tries_local(self._now())
                answer = await self._locally(run, choice.reason)
            else:
                answer = await self._by_split(run, choice)
            if alone and begun == self._begun:
                self._learn_side(answer, expected, settled=serving.pace.settled)
            return answer
        finally:
            self._under_way -= 1
            serving.leave()

    async def close(self) -> None:
        """Ends what no frame waits for any more."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _link(self, serving: Serving, alone: Times) -> Link:
        return Link(
            serving.session.barred if serving.session else serving.without,
            serving.trust,
            serving.expected_s,
            serving.ground.local_s,
            self._sides.local_first(alone),
            self._sides.probe_at,
            self._sides.try_local(alone, self._now()),
        )

    def _learn_side(self, answer: Answer, expected: Times, *, settled: bool) -> None:
        took_s = answer.timing.total_ms / 1000
        if answer.where is Where.SPLIT and settled:
            self._sides.split_took(took_s, expected)
        elif answer.where is Where.LOCAL and not answer.timing.head_ms:
            self._sides.local_took(took_s, expected)

    def _set_trust(self, serving: Serving, trust: Trust) -> None:
        serving.trust = trust
        self._guard.doubt(trust.misses > 0)

    async def _by_split(self, run: Run, choice: Choice) -> Answer:
        run.trial = choice.trial
        if choice.trial:
            self._set_trust(run.serving, run.serving.trust.trying(self._now()))
            self._sides.probes(_alone(run.serving), self._now(), settled=run.serving.pace.settled)
        task = self._keep(asyncio.create_task(attempt(run)))
        task.add_done_callback(lambda done: self._learn(run, done))
        try:
            await self._guard.wait(task, run.frame, self._fallback_s(run.serving))
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

    def _fallback_s(self, serving: Serving) -> float | None:
        """What a local run takes at worst, with the head of another frame before it that has begun; None: not known."""
        local_s = None if self._mode is Mode.SPLIT else serving.ground.local_s
        return local_s if local_s is None or self._under_way == 1 else local_s + serving.pace.head_s

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


def _alone(serving: Serving) -> Times:
    return serving.alone_s, serving.ground.local_s


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
