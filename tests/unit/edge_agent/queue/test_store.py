"""The queue on disk: what was promised is there after any crash, once, in order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import FailedPrecondition, ResourceExhausted
from edge_agent.queue.clock import Reading
from edge_agent.queue.model import Arrival, Drop, Entry, Limits
from edge_agent.queue.store import Store

WAL = "queue.db-wal"


def opened(folder: Path, limits: Limits | None = None, *sinks: str, **more: Any) -> Store:
    return Store(folder, limits or Limits(), sinks or ("out",), lambda entry, why: f"dropped {entry.id}: {why}", **more)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("admit"), st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=3)
        ),
        st.tuples(st.just("answer"), st.integers(1, 20)),
        st.tuples(st.just("deliver"), st.integers(1, 20)),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(STEPS, st.floats(0, 1), st.binary(max_size=300))
def test_power_loss_at_any_byte(steps: list[tuple[str, Any]], share: float, torn: bytes) -> None:
    """With the log cut at any byte and anything after it, exactly what was acknowledged by then is there."""
    with tempfile.TemporaryDirectory() as home:
        folder, after = Path(home) / "q", Path(home) / "after"
        store = opened(folder)
        snapshots = [((folder / WAL).stat().st_size, state(store))]
        for kind, what in steps:
            act(store, kind, what)
            snapshots.append(((folder / WAL).stat().st_size, state(store)))
        cut = int(snapshots[0][0] + share * (snapshots[-1][0] - snapshots[0][0]))
        base, log = (folder / "queue.db").read_bytes(), (folder / WAL).read_bytes()
        store.close()
        after.mkdir()
        (after / "queue.db").write_bytes(base)
        (after / WAL).write_bytes(log[:cut] + torn)
        found = opened(after)
        assert state(found) == [seen for size, seen in snapshots if size <= cut][-1]
        found.close()


def act(store: Store, kind: str, what: Any) -> None:
    if kind == "admit":
        store.admit([Arrival(source, str(name), b"x" * 700) for source, name in what])
    elif kind == "answer":
        store.answer([(what, f"result {what}")])
    elif results := store.deliverable("out", what):
        store.delivered("out", results[-1].sequence)


def state(store: Store) -> list[Any]:
    rows = store._database.execute("SELECT sequence, source, id, payload, result FROM frames ORDER BY sequence")
    return [*rows, *store._database.execute("SELECT * FROM sinks")]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=20), st.randoms())
def test_once_and_in_order(arrivals: list[tuple[str, int]], random: Any) -> None:
    """Sent twice, answered in any order, and twice: each frame is delivered once, in the order of its source."""
    with tempfile.TemporaryDirectory() as home:
        store = opened(Path(home) / "q")
        for source, name in arrivals:
            store.admit([Arrival(source, str(name), b"")])
        entries = store.take(100)
        shuffled = [*entries, *entries]
        random.shuffle(shuffled)
        got: list[str] = []
        for entry in shuffled:
            store.answer([(entry.sequence, f"{entry.source}{entry.id}")])
            for result in store.deliverable("out", 2):
                got.append(result.line)
                store.delivered("out", result.sequence)
        for result in store.deliverable("out", 100):
            got.append(result.line)
            store.delivered("out", result.sequence)
        assert got == list(dict.fromkeys(f"{source}{name}" for source, name in arrivals))
        assert store.undelivered() == 0
        store.close()


def test_restart_takes_unanswered_frames_again(tmp_path: Path) -> None:
    """Frames that were under way come again in their order with their inputs; answered ones do not."""
    store = opened(tmp_path / "q")
    store.admit([Arrival("cam", name, name.encode()) for name in "abc"])
    assert [entry.id for entry in store.take(3)] == ["a", "b", "c"]
    store.answer([(2, "b")])
    store.close()
    again = opened(tmp_path / "q")
    assert [entry.id for entry in again.take(9)] == ["a", "c"]
    assert again.payload(3) == b"c"
    assert again.take(9) == []
    again.close()


def test_redelivery_without_an_id_is_known_by_its_mark(tmp_path: Path) -> None:
    """Only the last frame with the same key counts: packet numbers come round again."""
    store = opened(tmp_path / "q")

    def send(mark: str, *, again: bool = True) -> tuple[int, bool]:
        (found,) = store.admit([Arrival("cam", "", b"1", "7", mark, again)])
        return found.sequence, found.known

    assert [send("x"), send("x"), send("y"), send("x")] == [(1, False), (1, True), (2, False), (3, False)]
    assert send("x", again=False) == (4, False), "a packet number that is used anew for the same content"
    store.close()


@pytest.mark.parametrize("drop", list(Drop))
def test_dropped_frames_have_one_result(tmp_path: Path, drop: Drop) -> None:
    """A full queue drops by its policy; each dropped frame has one result that says why; frames under way stay."""
    store = opened(tmp_path / "q", Limits(max_bytes=30, drop=drop))
    store.admit([Arrival("cam", "flying", b"x" * 10)])
    store.take(1)
    store.admit([Arrival("cam", name, b"x" * 10) for name in "abc"])
    store.admit([Arrival("cam", "huge", b"x" * 31)])
    left = [entry.id for entry in store.take(9)]
    assert left == (["b", "c"] if drop is Drop.OLDEST else ["a", "b"])
    store.answer([(entry, "ok") for entry in range(1, 6)])
    lines = [result.line for result in store.deliverable("out", 9)]
    assert len(lines) == 5
    assert sum(line.startswith("dropped") and "full (30 bytes)" in line for line in lines) == 2
    store.close()


def test_old_frames_are_dropped_by_the_queue_clock(tmp_path: Path) -> None:
    """A jump of the date drops nothing; time that passed does, over a restart too."""
    now = Reading("boot", 10.0, 1.7e9)
    store = opened(tmp_path / "q", Limits(max_age_s=60), reading=lambda: now)
    store.admit([Arrival("cam", "a", b"1")])
    now = Reading("boot", 11.0, 2.7e9)
    assert store.depth() == (1, 1, 1.0)
    store.close()
    now = Reading("boot", 69.0, 0.0)
    store = opened(tmp_path / "q", Limits(max_age_s=60), reading=lambda: now)
    store.admit([Arrival("cam", "b", b"1")])
    now = Reading("boot", 71.0, 0.0)
    assert [entry.id for entry in store.take(9)] == ["b"]
    store.answer([(2, "ok")])
    assert [result.line for result in store.deliverable("out", 9)] == ["dropped a: it waited longer than 60 s", "ok"]
    store.close()


def test_each_sink_at_its_own_pace(tmp_path: Path) -> None:
    """A slow sink loses nothing; a new one begins with what nobody had yet; a removed one holds nothing back."""
    store = opened(tmp_path / "q", None, "fast", "slow")
    store.admit([Arrival("cam", name, b"") for name in "abc"])
    store.answer([(n, str(n)) for n in (1, 2, 3)])
    store.delivered("fast", 3)
    store.delivered("slow", 1)
    store.close()
    store = opened(tmp_path / "q", None, "slow", "new")
    assert [result.line for result in store.deliverable("slow", 9)] == ["2", "3"]
    assert [result.line for result in store.deliverable("new", 9)] == ["2", "3"]
    store.delivered("slow", 3)
    store.delivered("new", 3)
    assert store.undelivered() == 0
    store.close()


def test_full_disk_takes_nothing_in(tmp_path: Path) -> None:
    """With less than the reserve free, admission is refused with the figures and changes nothing; results go on."""
    store = opened(tmp_path / "q")
    store.admit([Arrival("cam", "a", b"1")])
    store.close()
    store = opened(tmp_path / "q", Limits(reserve_bytes=1 << 60))
    with pytest.raises(ResourceExhausted, match="the disk of the queue"):
        store.admit([Arrival("cam", "b", b"1")])
    store.answer([(1, "ok")])
    assert [result.line for result in store.deliverable("out", 9)] == ["ok"]
    store.close()


def test_two_agents_cannot_share_a_queue(tmp_path: Path) -> None:
    """The second is told what to do."""
    store = opened(tmp_path / "q")
    with pytest.raises(FailedPrecondition, match="give each agent its own --queue-dir"):
        opened(tmp_path / "q")
    store.close()


def test_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """The agent goes on with a new queue, and what is left of the old one is kept for people."""
    store = opened(tmp_path / "q")
    store.admit([Arrival("cam", str(n), b"x" * 5000) for n in range(50)])
    store.close()
    path = tmp_path / "q" / "queue.db"
    content = bytearray(path.read_bytes())
    content[:4096] = b"\xa5" * 4096
    path.write_bytes(content)
    store = opened(tmp_path / "q")
    assert store.depth() == (0, 0, 0.0)
    assert (tmp_path / "q" / "queue.db.damaged-0").read_bytes() == content
    store.close()


def test_forgets_files_that_are_gone(tmp_path: Path) -> None:
    """The memory of a folder's files ends with the files, never before their results are delivered."""
    store = opened(tmp_path / "q")
    store.admit([Arrival("folder", name) for name in "ab"])
    assert store.take(9) == [Entry(1, "folder", "a", False), Entry(2, "folder", "b", False)]
    store.answer([(1, "ok")])
    store.delivered("out", 1)
    store.forget("folder", ["a", "b"])
    assert store.ids("folder") == {"b"}
    store.close()


def test_a_long_queue_gives_the_disk_back(tmp_path: Path) -> None:
    """What answered frames leave in the file is used again, and most of it given back: a full queue drains for good."""
    store = opened(tmp_path / "q")
    path = tmp_path / "q" / "queue.db"
    for number in range(200):
        store.admit([Arrival("cam", str(number), b"x" * 100_000)])
    longest = path.stat().st_size
    for number in range(200):
        store.answer([(number + 1, "ok")])
    assert longest > 15 << 20
    store.close()
    assert path.stat().st_size < 6 << 20
