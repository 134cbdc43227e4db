"""The newest first of a source in memory: one answer an item, in their order."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Item
from edge_agent.model import Answer, Tensors, TensorSpec, Where, skipped
from edge_agent.newest import newest_first
from edge_agent.window import Window


async def _load(_specs: tuple[TensorSpec, ...]) -> Tensors:
    return {}


async def _items(pauses: list[int]) -> AsyncIterator[Item]:
    for number, pause in enumerate(pauses):
        for _ in range(pause):
            await asyncio.sleep(0)
        yield Item(str(number), _load)


async def _answers(pauses: list[int], lasts: list[int], size: int, early: int) -> tuple[list[Answer], list[str]]:
    """What came out, and the items that had begun, in that order; `early`: turns of the loop until it is ready."""
    begun: list[str] = []
    window, ready = Window(size), asyncio.Event()
    asyncio.get_running_loop().call_later(0, ready.set) if early else ready.set()

    async def answer(item: Item) -> Answer:
        begun.append(item.id)
        assert window.used <= size
        for _ in range(lasts[int(item.id) % len(lasts)] if lasts else 0):
            await asyncio.sleep(0)
        return Answer(item.id, Where.LOCAL, {})

    line = newest_first(_items(pauses), answer, lambda item: skipped(item.id), window, ready)
    found = [one async for one in line]
    assert window.used == 0
    return found, begun


@given(
    st.lists(st.integers(0, 5), max_size=30),
    st.lists(st.integers(0, 9), max_size=5),
    st.integers(1, 3),
    st.integers(0, 1),
)
def test_any_interleaving(pauses: list[int], lasts: list[int], size: int, early: int) -> None:
    """Each item has one answer, in order; the last is never skipped; none begins after a newer one has."""
    found, begun = asyncio.run(_answers(pauses, lasts, size, early))
    assert [one.frame_id for one in found] == [str(number) for number in range(len(pauses))]
    assert [one.frame_id for one in found if one.where is Where.LOCAL] == begun
    if found:
        assert found[-1].where is Where.LOCAL
    assert all(one.error for one in found if one.where is Where.SKIPPED)


async def test_those_that_wait_are_skipped_for_the_newest() -> None:
    """While one is under way four come: the last of them is next."""
    found, begun = await _answers([0, 3, 0, 0, 0], [20], 1, 0)
    assert begun == ["0", "4"]
    assert [one.where for one in found] == [Where.LOCAL, *[Where.SKIPPED] * 3, Where.LOCAL]


async def test_a_taker_that_goes_gives_the_room_back() -> None:
    """A stream that is broken off ends what it had under way."""
    window, ready = Window(2), asyncio.Event()
    ready.set()

    async def answer(_item: Item) -> Answer:
        await asyncio.sleep(3600)
        raise AssertionError

    async def take() -> None:
        async for _ in newest_first(_items([0, 5, 5, 5]), answer, lambda item: skipped(item.id), window, ready):
            pass

    task = asyncio.create_task(take())
    await asyncio.sleep(0.05)
    assert window.used == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert window.used == 0


async def test_an_error_of_the_source_is_raised_after_its_answers() -> None:
    """What came before it is answered."""

    async def broken() -> AsyncIterator[Item]:
        yield Item("0", _load)
        raise ValueError("broken")

    async def answer(item: Item) -> Answer:
        return Answer(item.id, Where.LOCAL, {})

    ready = asyncio.Event()
    ready.set()
    answers = newest_first(broken(), answer, lambda item: skipped(item.id), Window(1), ready)
    assert (await anext(answers)).frame_id == "0"
    with pytest.raises(ValueError, match="broken"):
        await anext(answers)


async def test_the_inputs_of_what_is_skipped_are_let_go() -> None:
    """However many answers wait to be taken, two inputs are held: what is under way, and the newest."""
    held: weakref.WeakSet[object] = weakref.WeakSet()
    window, ready, go = Window(1), asyncio.Event(), asyncio.Event()
    ready.set()

    async def items() -> AsyncIterator[Item]:
        for number in range(50):
            yield _counted(str(number), held)
            await asyncio.sleep(0)

    async def answer(item: Item) -> Answer:
        await go.wait()
        return Answer(item.id, Where.LOCAL, {})

    line = newest_first(items(), answer, lambda item: skipped(item.id), window, ready)
    first = asyncio.ensure_future(anext(line))
    for _ in range(200):
        await asyncio.sleep(0)
    gc.collect()
    assert len(held) <= 3, "and the one that the source itself still names"
    go.set()
    assert (await first).frame_id == "0"
    await line.aclose()


def _counted(name: str, held: weakref.WeakSet[object]) -> Item:
    async def load(_specs: tuple[TensorSpec, ...]) -> Tensors:
        return {}

    held.add(load)
    return Item(name, load)
