"""The cuts that an agent holds: frames take one; the others are looked at meanwhile, warmed before they are taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

import structlog

from edge_agent.choose import Trust
from edge_agent.cuts import Chosen, choose_cut
from edge_agent.model import Tensors
from edge_agent.scout import Scout
from edge_agent.serving import Serving

STALE_S = 30.0  # after which a cut that is not used is looked at again, at the earliest:
LOOKS = 0.02  # of the device's time, that such looks may take
CHOICE_S = 0.1  # between two choices of the cut at least: a choice takes work
AGAIN_S = 10.0  # after which one that did not answer is tried again
LONGEST_S = 0.25  # that bytes of a frame which is only for looking may take from the link

log = structlog.get_logger("pipelines")


class Pipelines:
    """Holds the cut in use, `current`, and `others` of the same model; all keep their streams open.

    Frames in flight stay on the cut that they began with. `now`: a monotonic clock, seconds.
    """

    def __init__(self, scout: Scout, now: Callable[[], float] = time.monotonic) -> None:
        self.current: Serving | None = None
        self._scout, self._now = scout, now
        self._others: list[Serving] = []
        self._chosen = Chosen("", 0.0)
        self._look_at: dict[str, float] = {}
        self._barred_until: dict[str, float] = {}
        self._choose_at = 0.0
        self._job: asyncio.Task[None] | None = None

    def run(self, serving: Serving) -> list[Serving]:
        """Makes it the one cut; those that were held until now, to be retired."""
        before = [*([self.current] if self.current else []), *self._others]
        self.stop()
        self.current, self._others = serving, []
        self._chosen = Chosen(serving.digest, self._now())
        self._look_at, self._barred_until = {}, {}
        self._choose_at = 0.0
        return before

    @property
    def held(self) -> dict[str, Serving]:
        """Every cut, by its bundle's digest."""
        return {one.digest: one for one in (self.current, *self._others) if one}

    def keep(self, digests: Collection[str]) -> list[Serving]:
        """Holds these alone, if one of them is held; the others, to be retired."""
        kept = [one for one in self.held.values() if one.digest in digests]
        dropped = [one for one in self.held.values() if one.digest not in digests]
        if not kept or not dropped:
            return []
        self.stop()
        if self.current not in kept:
            self._take(kept[0], self._now())
        self._others = [one for one in kept if one is not self.current]
        return dropped

    def add(self, other: Serving) -> None:
        """Holds another cut of the same model."""
        self._others.append(other)

    def stop(self) -> None:
        """Looks at no other cut any more."""
        if self._job:
            self._job.cancel()
        self._job = None

    async def close(self) -> None:
        """Ends all streams."""
        self.stop()
        for serving in (self.current, *self._others):
            if serving:
                await serving.disconnect()
        await self._scout.close()

    def saw(self, inputs: Tensors) -> None:
        """After a frame with these inputs was answered: what is to be done beside the next ones, if anything."""
        if not self._others or not self.current or (self._job and not self._job.done()):
            return
        now = self._now()
        if now < self._choose_at:
            return
        self._choose_at = now + CHOICE_S
        chosen = choose_cut(self._chosen, self._takes(now), now)
        if chosen.cut != self._chosen.cut:
            self._job = asyncio.create_task(self._change(self._named(chosen.cut), inputs))
            return
        self._chosen = chosen
        if self.current.pace.settled or self._idle:  # without a tail it never settles
            stale = (other for other in self._others if self._look_at.get(other.digest, now) <= now)
            usable = (other for other in stale if self._usable(other, now) and not self._hopeless(other))
            if due := next(usable, None):
                self._job = asyncio.create_task(self._look(due, inputs))

    @property
    def _idle(self) -> bool:
        """Whether no frame can cross the link: nothing is held up by those that are for looking only."""
        return self.current is not None and self.current.barred

    def _named(self, digest: str) -> Serving:
        return next(other for other in self._others if other.digest == digest)

    def _takes(self, now: float) -> dict[str, float | None]:
        current = self.current
        assert current
        expected_s = current.pace.best_s(current.pace.tail_s)
        takes = {current.digest: None if current.barred else expected_s or current.alone_s}
        for other in self._others:
            usable = self._usable(other, now)
            takes[other.digest] = other.pace.best_s(current.pace.tail_s) if usable else None
        return takes

    def _usable(self, other: Serving, now: float) -> bool:
        open_ = other.session is not None and not other.session.fault
        return open_ and now >= self._barred_until.get(other.digest, 0.0)

    def _hopeless(self, other: Serving) -> bool:
        """Whether its head alone takes longer than a frame does now: to look again would hold frames up for nothing."""
        current = self.current
        assert current
        expected_s = None if current.barred else current.pace.best_s(current.pace.tail_s)
        return expected_s is not None and other.pace.head_s > expected_s

    async def _look(self, other: Serving, inputs: Tensors) -> None:
        """What the head and each level take; and the tail, unless the link is too thin for that, and in use."""
        self._look_at[other.digest] = self._now() + STALE_S
        await self._scout.look(other, inputs)
        other.pace.forget_tail()
        heads = 1
        while not other.pace.settled and (other.pace.smallest_s <= LONGEST_S or self._idle):
            heads += 1
            if not await self._warm(other, inputs):
                break
        self._look_at[other.digest] = self._now() + max(STALE_S, heads * other.pace.head_s / LOOKS)

    async def _change(self, other: Serving, inputs: Tensors) -> None:
        """Takes the cut once a frame that nobody waits for went all its way, if it is still better then."""
        if not await self._warm(other, inputs):
            return
        old, now = self.current, self._now()
        assert old
        takes = self._takes(now)
        was, will = takes[old.digest], takes[other.digest]
        if will is None or (was is not None and will >= was):
            self._chosen = Chosen(old.digest, self._chosen.since)
            return
        self._others = [*(held for held in self._others if held is not other), old]
        self._look_at[old.digest] = now + STALE_S
        if old.barred:
            self._barred_until[old.digest] = now + AGAIN_S
        self._take(other, now)
        log.info(
            "another cut is taken", bundle=other.digest, instead=old.digest, expected_s=will, expected_before_s=was
        )

    def _take(self, serving: Serving, now: float) -> None:
        """Frames take this cut from now on, and trust its tail anew."""
        self.current, self._chosen = serving, Chosen(serving.digest, now)
        serving.pace.begin()
        serving.trust = Trust()

    async def _warm(self, other: Serving, inputs: Tensors) -> bool:
        """Whether a frame went all the way."""
        warm = await self._scout.warm(other, inputs)
        if not warm:
            self._barred_until[other.digest] = self._now() + AGAIN_S
        return warm
