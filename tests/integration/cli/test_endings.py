"""How the command ends: exit codes, one-line errors, pipes, Ctrl-C; as a process of its own where that matters."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from protos.sliceplane.workload.v1 import workload_pb2
from tests.fakes.api_server import serving
from tests.fakes.api_state import ApiState
from tests.integration.cli.conftest import Cli

# A test run in the background of a script has SIGINT ignored, and would hand that on.
HEAR_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEAR_CTRL_C}; from sliceplane.cli.main import main; main()"]


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("get",),
        ("get", "pods"),
        ("get", "workloads", "-o", "xml"),
        ("frobnicate",),
        ("apply",),
        ("apply", "-f", "no-such-file.yaml"),
        ("apply", "-f", "."),
        ("delete",),
        ("delete", "workload"),
        ("delete", "segment", "x"),
        ("delete", "workload", "x", "-f", "y"),
        ("describe", "workload"),
        ("wait",),
        ("wait", "x", "--for=rain"),
        ("wait", "x", "--timeout", "soon"),
        ("wait", "node/x"),
        ("get", "workloads", "--server", "nonsense"),
        ("model", "push", "x", "no-such-file.onnx"),
        ("model", "pull", "x", "no-such-folder/out"),
        ("model", "pull", "x", "out", "--digest", "latest"),
        ("profiles", "import", "no-such-folder"),
        ("plan", "--profiles", "."),
        ("plan", "--workloads", "x.yaml"),
        ("plan", "--single"),
        ("plan", "--profiles", ".", "--workloads", "-", "--latency-share", "0"),
        ("plan", "--profiles", ".", "--workloads", "-", "-f", "x"),
        ("config", "use-context", "nowhere"),
        ("config", "set-context", "x", "--server", "x"),
        ("xds-bootstrap", "--xds-server", "x"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    cli: Cli, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the command line, one line says it, nothing is printed, and no server is asked."""
    monkeypatch.chdir(tmp_path)
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("error: ")


def test_a_server_that_is_down_is_one_line_within_five_seconds(cli: Cli) -> None:
    """Nobody listens: exit 1, the address and the way out, quickly."""
    with serving(ApiState()) as address:
        pass
    began = time.monotonic()
    ran = cli("get", "workloads", "--server", address)
    assert time.monotonic() - began < 5
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"error: cannot reach {address}; is sliceplane-controller running there? use --server HOST:PORT for another\n"
    )


def test_a_server_that_never_speaks_is_given_up_on(cli: Cli) -> None:
    """A port that takes connections and stays silent is told like one that is closed."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        ran = cli("get", "workloads", "--server", address)
    assert time.monotonic() - began < 6
    assert (ran.code, ran.err.startswith(f"error: cannot reach {address}")) == (1, True)


def test_the_wrong_port_is_said(cli: Cli, fake: str) -> None:
    """A gRPC server without the method asks whether it is the right port."""
    ran = cli("delete", "device", "x", "--server", fake)
    assert ran.code == 1
    ran = cli("delete", "model", "x", "--server", fake)
    assert (ran.code, "is it the controller's public port?" in ran.err) == (1, True)


def test_servers_are_chosen_by_flag_then_environment_then_context(
    cli: Cli, fake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--server wins over SLICEPLANE_SERVER, that over the current context."""
    assert cli("config", "set-context", "here", "--server", fake).code == 0
    assert cli("config", "set-context", "away", "--server", "127.0.0.1:1").code == 0
    assert cli("get", "workloads").code == 0
    monkeypatch.setenv("SLICEPLANE_SERVER", "bad")
    assert cli("get", "workloads").code == 2
    assert cli("get", "workloads", "--server", fake).code == 0
    assert cli("--server", "bad", "get", "workloads", "--server", fake).code == 0
    assert [line.split() for line in cli("config", "get-contexts").out.splitlines()[1:]] == [
        ["away", "127.0.0.1:1"],
        ["*", "here", fake],
    ]


def test_ctrl_c_ends_a_watch_quietly(api: ApiState, fake: str) -> None:
    """SIGINT during --watch: exit 130, what was heard printed, no traceback."""
    api.put(workload_pb2.Workload(name="w", spec=workload_pb2.WorkloadSpec(model="m", rate=1)))
    with started("get", "workloads", "--watch", "-o", "name", "--server", fake) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "workload/w\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_a_closed_pipe_ends_it_quietly(api: ApiState, fake: str) -> None:
    """`| head` is no error worth a traceback."""
    for number in range(400):
        api.put(workload_pb2.Workload(name=f"w{number}", spec=workload_pb2.WorkloadSpec(model="m", rate=1)))
    with started("get", "workloads", "-o", "yaml", "--server", fake) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_faulty_answer_is_no_traceback(cli: Cli, api: ApiState, fake: str) -> None:
    """A server that breaks its word ends with one line, whatever it was."""
    api.faults["ListWorkloads"] = [RuntimeError("boom")]  # type: ignore[list-item]
    ran = cli("get", "workloads", "--server", fake)
    assert ran.code == 1
    assert len(ran.err.splitlines()) >= 1
    assert ran.err.splitlines()[-1].startswith("error: ")


VERBS = (
    *("", "apply", "get", "describe", "delete", "plan", "map", "wait", "events", "xds-bootstrap", "version"),
    *("model", "model push", "model pull", "profiles", "profiles import", "config", "config set-context"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(cli: Cli, verb: str) -> None:
    """--help of each verb succeeds and says what it is for."""
    ran = cli(*verb.split(), "--help")
    assert ran.code == 0
    assert ran.out.startswith("Usage: sliceplane")


def test_the_bootstrap_is_written(cli: Cli, tmp_path: Path) -> None:
    """xds-bootstrap -o writes what it prints."""
    file = tmp_path / "b.json"
    arguments = ("xds-bootstrap", "--xds-server", "127.0.0.1:9", "--node-id", "n")
    assert cli(*arguments, "-o", file).code == 0
    assert file.read_text() == cli(*arguments).out
    assert '"server_uri": "127.0.0.1:9"' in file.read_text()
