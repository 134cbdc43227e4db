"""Endurance, glances, holders, ports, journal and settings of the node agent."""

from __future__ import annotations

import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Internal, InvalidArgument, ResourceExhausted, Unavailable
from common.names import name_violation
from node_agent.endurance import LOADING_S, PAUSES_S, SILENT_S, STABLE_S, Endurance
from node_agent.glances import Glances
from node_agent.holders import holders
from node_agent.journal import Journal
from node_agent.main import default_node, main, port_range, sole
from node_agent.model import Desired, Fault, Gpu, Process, Record, SegmentSpec, Serve, Tenant, Unit
from node_agent.notify import notify
from node_agent.ports_pool import PortPool

GPU = Gpu("GPU-0", 0, "NVIDIA A100-SXM4-80GB", 80 << 30, True, True)
SPEC = SegmentSpec("a", "GPU-0", 0, 1, 1, "w", f"sha256:{'a' * 64}", Serve.TAIL, 4, 1, 100)
TENANTS = (Tenant("v", SPEC.model_digest, 8, 1), Tenant("w", f"sha256:{'b' * 64}", 1, 64))
SHARED = replace(SPEC, id="s", model_digest="", serve=Serve.WHOLE, tenants=TENANTS)


def test_pauses_grow_with_each_death_and_never_past_the_last() -> None:
    """What dies at once is started again after 1, 2, 4 ... at most 30 s; asking twice is no second death."""
    history, now, waited = Endurance(0.0), 0.0, []
    for _ in range(len(PAUSES_S) + 2):
        history = history.died().died()
        pause = next(p for p in (*PAUSES_S, 60.0) if history.may_start(now + p))
        waited.append(pause)
        now += pause
        history = history.start(now)
    assert waited == [*PAUSES_S[1:], *[PAUSES_S[-1]] * 3]


def test_a_good_run_is_replaced_at_once() -> None:
    """What answered for a while before it died starts again without a pause, as if it were its first death."""
    history = replace(Endurance(0.0), failures=9).answered(5.0).answered(5.0 + STABLE_S).died()
    assert history.failures == 1
    assert history.may_start(5.0 + STABLE_S)


def test_hanging_is_told_from_loading() -> None:
    """A process may load for long, but once it answered it may not fall silent."""
    fresh = Endurance(0.0)
    assert not fresh.hung(LOADING_S)
    assert fresh.hung(LOADING_S + 1)
    assert not fresh.answered(1.0).hung(1.0 + SILENT_S)
    assert fresh.answered(1.0).hung(2.0 + SILENT_S)


def test_a_gpu_that_does_not_answer_holds_up_no_other() -> None:
    """The silent one shows what was seen before, then counts as ill; the others are looked at all the while."""
    gate, looks = threading.Event(), []
    gate.set()

    def look(index: int) -> Gpu:
        looks.append(index)
        if index == 1:
            gate.wait(10)
        return replace(GPU, uuid=f"GPU-{index}", index=index)

    glances = Glances(look, patience_s=0.05, silent_s=0.12)
    assert [gpu.healthy for gpu in glances.take(range(2))] == [True, True]
    gate.clear()
    assert [gpu.healthy for gpu in glances.take(range(2))] == [True, True]
    glances.take(range(2))
    well, ill = glances.take(range(2))
    assert (well.healthy, ill.healthy, ill.fault) == (True, False, Fault.SILENT)
    assert (looks.count(0), looks.count(1)) == (4, 2)
    gate.set()


def test_holders_are_named(tmp_path: Path) -> None:
    """Processes with a GPU's device file open are named with their pid; others, and we, are not."""
    for pid, name, target in (("12", "dcgm", "/dev/nvidia0"), ("13", "sh", "/dev/null"), (str(os.getpid()), "me", "x")):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(f"{name}\n")
        (tmp_path / pid / "fd" / "3").symlink_to(target)
    (tmp_path / "self").mkdir()
    (tmp_path / "14").mkdir()  # gone meanwhile
    assert holders(tmp_path) == ["dcgm (pid 12)"]


def test_ports_are_neither_taken_nor_promised() -> None:
    """A port that another program listens on, or that is promised, is not handed out; too few is an error."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        pool = PortPool("127.0.0.1", busy - 3, busy)
        assert not pool.free(busy)
        assert busy not in pool.take(2, [busy - 3])
        with pytest.raises(ResourceExhausted, match="--port-range"):
            pool.take(4, [])


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5, unique=True))
def test_the_seed_changes_where_a_pool_begins_not_what_it_holds(seeds: list[str]) -> None:
    """Whatever the seed, a pool hands out every port of its range once before it repeats one."""
    for seed in seeds:
        pool = PortPool("127.0.0.1", 61000, 61003, seed)
        pool.free = lambda port: True  # type: ignore[method-assign]  # no sockets needed here
        assert set(pool.take(4, [])) == set(range(61000, 61004))


def test_journal_forgets_nothing(tmp_path: Path) -> None:
    """What was put is there after a restart, to the last field; what was dropped is not."""
    unit = Unit(1, 2, 3, 4, Process(5, 6.5), Process(7, 8.25))
    record = Record(SPEC, 1, 0, "MIG-x", (unit,), Process(9, 1.0), True, 3, True)
    journal = Journal(tmp_path)
    journal.put(record)
    journal.put(Record(replace(SPEC, id="b")))
    journal.drop("b")
    journal.put(Record(SHARED))
    journal.accept(Desired(2, 3, (SPEC, SHARED)))
    again = Journal(tmp_path)
    assert again.records == {"a": record, "s": Record(SHARED)}
    assert again.desired == Desired(2, 3, (SPEC, SHARED))


def test_journal_of_an_agent_that_knew_no_tenants(tmp_path: Path) -> None:
    """What it wrote is read as segments that nobody shares."""
    journal = Journal(tmp_path)
    journal.put(Record(SPEC, 1, 0, "MIG-x"))
    journal.accept(Desired(2, 3, (SPEC,)))
    written = json.loads(journal.path.read_text())
    for spec in (written["records"][0]["spec"], *written["desired"]["segments"]):
        del spec["tenants"]
    journal.path.write_text(json.dumps(written))
    again = Journal(tmp_path)
    assert again.records == {"a": Record(SPEC, 1, 0, "MIG-x")}
    assert again.desired == Desired(2, 3, (SPEC,))


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 99, "records": [], "desired": {}}', '{"version": 1}'])
def test_unreadable_journal_is_one_clear_line(tmp_path: Path, content: str) -> None:
    """A journal that cannot be read is named, with the way out; the agent never goes on without its memory."""
    (tmp_path / "journal.json").write_text(content)
    with pytest.raises(Internal, match=r"journal\.json cannot be read"):
        Journal(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "1", "20000", "20000-", "25000-20000", "80-90", "20000-70000", "a-b", "1024-1024"]
)
def test_bad_port_ranges_are_refused(text: str) -> None:
    """A range that is none, or reaches outside of 1024-65535, names the flag."""
    with pytest.raises(InvalidArgument, match="--port-range"):
        port_range(text)


def test_the_state_directory_has_one_agent(tmp_path: Path) -> None:
    """A second agent on the same directory is refused; after the first has gone it is not."""
    with sole(tmp_path / "state"), pytest.raises(Unavailable, match="another node agent"), sole(tmp_path / "state"):
        pass
    with sole(tmp_path / "state"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot use --state-dir"), sole(tmp_path / "file"):
        pass


def test_the_default_name_is_a_valid_one() -> None:
    """The host's name becomes a resource name."""
    assert name_violation("--node", default_node()) is None


def test_every_flag_has_the_variable_that_help_promises() -> None:
    """SLICEPLANE_NODE_AGENT_<FLAG> sets each flag, also where its name inside differs."""
    context = click.Context(main, auto_envvar_prefix="SLICEPLANE_NODE_AGENT")
    for option in main.params:
        flag = option.opts[0].removeprefix("--").replace("-", "_").upper()
        promised = f"SLICEPLANE_NODE_AGENT_{flag}"
        explicit = option.envvar or f"{context.auto_envvar_prefix}_{(option.name or '').upper()}"
        assert explicit == promised


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state goes to the socket that systemd named; without one nothing happens."""
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "s"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        notify("READY=1")
        assert systemd.recv(64) == b"READY=1"
