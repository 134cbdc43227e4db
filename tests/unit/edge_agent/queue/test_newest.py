"""The newest frame first: whose turn it is, and what the queue on disk makes of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.queue.model import Arrival, Drop, Limits, Waiting
from edge_agent.queue.newest import newest_first
from edge_agent.queue.store import DROPPED_AT_ONCE, Store

SOURCES = st.lists(st.sampled_from("abc"), max_size=12)


@given(SOURCES)
def test_one_of_each_source_goes_and_the_others_are_skipped(sources: list[str]) -> None:
    """Every frame is either its source's newest, or skipped because of that one."""
    waiting = [Waiting(n, 1, 0.0, source) for n, source in enumerate(sources)]
    turn = newest_first(waiting, {})
    assert sorted(frame.sequence for frame in (*turn.order, *turn.skipped)) == list(range(len(sources)))
    assert {f.source: f.sequence for f in turn.order} == {source: n for n, source in enumerate(sources)}
    assert [frame.sequence for frame in turn.skipped] == sorted(frame.sequence for frame in turn.skipped)


def test_a_source_that_sends_often_is_not_passed_by() -> None:
    """Its newest frame is the last of all each time, but it has waited since its first."""
    since: dict[str, int] = {}
    taken: list[str] = []
    waiting: dict[str, Waiting] = {}
    for number in range(0, 300, 3):
        for offset, source in enumerate("bca"):  # a sends last, each time before it is looked
            waiting[source] = Waiting(number + offset, 1, 0.0, source)
        turn = newest_first(sorted(waiting.values(), key=lambda one: one.sequence), since)
        since = dict(turn.since)
        taken.append(turn.order[0].source)
        del since[taken[-1]], waiting[taken[-1]]
    assert min(map(taken.count, "abc")) >= 33


def opened(folder: Path, limits: Limits | None = None) -> Store:
    return Store(
        folder,
        limits or Limits(),
        ("out",),
        lambda entry, why: f"dropped {entry.source}{entry.id}",
        skipped=lambda entry: f"skipped {entry.source}{entry.id}",
    )


STEPS = st.lists(st.sampled_from(["a", "b", "c", "take", "answer", "deliver", "crash"]), max_size=40)


@settings(max_examples=60)
@given(STEPS, st.randoms())
def test_any_interleaving(steps: list[str], random: Any) -> None:
    """Over crashes: one result a frame, in order; a source's newest frame never skipped; none answered again."""
    with tempfile.TemporaryDirectory() as home:
        store = opened(Path(home) / "q")
        sent: list[str] = []
        got: list[str] = []
        flying: list[int] = []
        newest: dict[str, int] = {}
        answered: set[int] = set()

        def take() -> list[int]:
            entries = store.take(1)
            for entry in entries:
                assert int(entry.id) == newest[entry.source], "an older frame goes before the newest"
                assert entry.sequence not in answered
            assert store.take(0) == []
            return [entry.sequence for entry in entries]

        def answer() -> None:
            number = flying.pop(random.randrange(len(flying)))
            store.answer([(number, f"answered {sent[number - 1]}")])
            answered.add(number)

        def deliver() -> None:
            for result in store.deliverable("out", 99):
                got.append(result.line)
                store.delivered("out", result.sequence)

        for step in steps:
            if step in "abc":
                newest[step] = len(sent)
                store.admit([Arrival(step, str(len(sent)), b"x")])
                sent.append(f"{step}{len(sent)}")
            elif step == "take":
                flying += take()
            elif step == "answer" and flying:
                answer()
            elif step == "deliver":
                deliver()
            elif step == "crash":
                store.close()
                store, flying = opened(Path(home) / "q"), []
        while store.waits():
            flying += take()
        while flying:
            answer()
        deliver()
        store.close()
        assert [line.split()[1] for line in got] == sent
        for number in newest.values():
            assert got[number].startswith("answered")


def test_what_was_skipped_stays_so_over_a_crash(tmp_path: Path) -> None:
    """The newest was under way when the agent was killed: it comes again, those that it overtook do not."""
    store = opened(tmp_path / "q")
    store.admit([Arrival("cam", str(n), b"x") for n in range(3)])
    assert [entry.id for entry in store.take(1)] == ["2"]
    store.close()
    store = opened(tmp_path / "q")
    store.admit([Arrival("cam", "0", b"x")])  # sent again
    assert [entry.id for entry in store.take(9)] == ["2"]
    store.answer([(3, "ok")])
    assert [result.line for result in store.deliverable("out", 9)] == ["skipped cam0", "skipped cam1", "ok"]
    store.close()


def test_a_queue_that_was_long_is_skipped_in_steps(tmp_path: Path) -> None:
    """Kept under the other policy for long, it comes down to the newest frame at once, however many wait."""
    store = opened(tmp_path / "q")
    count = 2 * DROPPED_AT_ONCE + 10
    store.admit([Arrival("cam", str(n), b"x") for n in range(count)])
    assert [entry.id for entry in store.take(1)] == [str(count - 1)]
    assert store.depth()[0] == 1
    assert not store.waits()
    store.close()


def test_a_full_queue_keeps_the_newest_of_each_source(tmp_path: Path) -> None:
    """Room is made by those that would be skipped anyway, not by the only frame of another source."""
    store = opened(tmp_path / "q", Limits(max_bytes=30, drop=Drop.OLDEST))
    store.admit([Arrival("door", "0", b"x" * 10)])
    store.admit([Arrival("cam", str(n), b"x" * 10) for n in range(1, 6)])
    assert [f"{entry.source}{entry.id}" for entry in store.take(9)] == ["door0", "cam5"]
    store.answer([(1, "ok"), (6, "ok")])
    lines = [result.line for result in store.deliverable("out", 9)]
    assert lines == ["ok", *(f"skipped cam{n}" for n in range(1, 5)), "ok"]
    store.close()
