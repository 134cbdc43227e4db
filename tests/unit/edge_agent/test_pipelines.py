"""Which cut frames take, and what is done beside them: others are looked at, and warmed before they are taken."""

from __future__ import annotations

import asyncio

from edge_agent.compute import Compute
from edge_agent.cuts import LASTS_S
from edge_agent.model import Mode, Tensors
from edge_agent.pipelines import AGAIN_S, STALE_S, Pipelines
from edge_agent.scout import Scout
from edge_agent.serving import Serving, prepare
from edge_agent.session import TailSession
from edge_agent.traffic import Transfer
from tests.fakes.edge_model import cut


class FakeScout(Scout):
    """Tells what it was asked; `answers`: whether tails answer it, with frames that take `tail_s`."""

    def __init__(self) -> None:
        super().__init__(Mode.AUTO, Compute())
        self.asked: list[tuple[str, str]] = []
        self.answers, self.tail_s = True, 0.01

    async def look(self, serving: Serving, inputs: Tensors) -> None:
        self.asked.append(("look", serving.digest))
        known(serving)

    async def warm(self, serving: Serving, inputs: Tensors) -> bool:
        self.asked.append(("warm", serving.digest))
        if self.answers:
            answered(serving, self.tail_s)
        return self.answers


def known(serving: Serving) -> None:
    """Its head takes a millisecond, its level 1 kB and no time."""
    serving.pace.headed(0.001, 0.001)
    serving.pace.encoded("raw", 1000, 0.0, 0.0, 0.0)
    serving.pace.surveyed("raw", 1000, 0.0)


def answered(serving: Serving, tail_s: float, times: int = 1) -> None:
    """Its tail answered, over a link of 1 MB/s."""
    for _ in range(times):
        serving.pace.passed("raw", Transfer(1000, 0.0, 0.001 + tail_s, tail_s), 0.0)


class World:
    """Two cuts, of which the first is in use and takes 100 ms."""

    def __init__(self) -> None:
        self.now, self.scout = 100.0, FakeScout()
        self.first = prepare(cut().bundle, "raw", 1)
        self.second = prepare(cut(at="r2").bundle, "raw", 1, beside=self.first)
        for serving in (self.first, self.second):
            serving.session = TailSession("nowhere", serving.digest, "")
            serving.session.fault = None
        self.pipelines = Pipelines(self.scout, lambda: self.now)
        self.pipelines.run(self.first)
        self.pipelines.add(self.second)
        known(self.first)
        answered(self.first, 0.1, 8)

    async def frames(self, seconds: float) -> None:
        """Ten frames a second are answered."""
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            self.pipelines.saw({})
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_the_faster_cut_is_looked_at_warmed_and_taken() -> None:
    """In this order; what is left is looked at again only after a while."""
    world = World()
    await world.frames(LASTS_S / 2)
    assert world.scout.asked[0] == ("look", world.second.digest)
    assert world.pipelines.current is world.first
    await world.frames(6)
    assert world.pipelines.current is world.second
    assert world.scout.asked[-1] == ("warm", world.second.digest)
    count = len(world.scout.asked)
    await world.frames(STALE_S / 2)
    assert len(world.scout.asked) == count


async def test_a_cut_that_does_not_answer_is_not_taken() -> None:
    """And is left alone for a while."""
    world = World()
    world.scout.answers = False
    await world.frames(AGAIN_S - 1)
    assert world.pipelines.current is world.first
    assert world.scout.asked == [("look", world.second.digest), ("warm", world.second.digest)]


async def test_a_cut_that_turns_out_slower_is_not_taken() -> None:
    """Looked at again, and known by what its tail takes now."""
    world = World()
    world.scout.tail_s = 0.2
    await world.frames(20)
    assert world.pipelines.current is world.first


async def test_a_cut_whose_head_alone_takes_longer_is_not_looked_at_again() -> None:
    """It would hold up the frames, again and again, for nothing."""
    world = World()
    world.scout.tail_s = 0.2
    await world.frames(2)
    for _ in range(20):
        world.second.pace.headed(0.5, 0.5)
    count = len(world.scout.asked)
    await world.frames(3 * STALE_S)
    assert len(world.scout.asked) == count
    for _ in range(20):
        world.second.pace.headed(0.001, 0.001)
    await world.frames(STALE_S)
    assert len(world.scout.asked) > count


async def test_a_silent_tail_is_left_for_another_cut() -> None:
    """As soon as it is known to be silent; and it is not taken back at once."""
    world = World()
    world.scout.tail_s = 0.2
    await world.frames(2)
    for _ in range(3):
        world.first.trust = world.first.trust.missed(world.now)
    await world.frames(0.3)
    assert world.pipelines.current is world.second
    await world.frames(AGAIN_S / 2)
    assert world.pipelines.current is world.second


async def test_another_bundle_takes_the_place_of_all_cuts() -> None:
    """Those that were held are given back, to be retired."""
    world = World()
    other = prepare(cut(seed=7).bundle, "raw", 1)
    assert world.pipelines.run(other) == [world.first, world.second]
    assert world.pipelines.current is other


async def test_cuts_that_are_wanted_no_more_are_given_back() -> None:
    """If it is the one in use, another takes its place; as long as none of the wanted ones is held, all stay."""
    world = World()
    assert world.pipelines.keep({"sha256:new"}) == []
    assert world.pipelines.keep({world.first.digest, world.second.digest}) == []
    assert set(world.pipelines.held) == {world.first.digest, world.second.digest}
    assert world.pipelines.keep({world.second.digest, "sha256:new"}) == [world.first]
    assert world.pipelines.current is world.second
    assert set(world.pipelines.held) == {world.second.digest}


async def test_a_cut_that_never_had_a_tail_is_left_for_one_that_has() -> None:
    """No frame ever crossed the link, so nothing of it is known: frames that are for looking are sent all the same."""
    world = World()
    world.first = prepare(cut().bundle, "raw", 1)
    world.second = prepare(cut(at="r2").bundle, "raw", 1, beside=world.first)
    world.second.session = TailSession("nowhere", world.second.digest, "")
    world.second.session.fault = None
    world.pipelines.run(world.first)
    world.pipelines.add(world.second)
    await world.frames(LASTS_S + 2)
    assert world.pipelines.current is world.second
