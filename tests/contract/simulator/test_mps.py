"""The MPS control daemon's stand-in, as a node agent uses the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.simulator.gpu import Gpu

pytestmark = pytest.mark.contract

CONTROL = "nvidia-cuda-mps-control"


@dataclass(frozen=True)
class Segment:
    """A segment's MPS directories and environment."""

    folder: Path
    environment: dict[str, str]

    def start(self, flag: str = "-d") -> subprocess.CompletedProcess[str]:
        """Starts the daemon."""
        return subprocess.run([CONTROL, flag], env=self.environment, capture_output=True, text=True, timeout=10)

    def say(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Sends commands to the daemon."""
        return subprocess.run(
            [CONTROL], input=commands, env=self.environment, capture_output=True, text=True, timeout=10
        )

    @property
    def pid_file(self) -> Path:
        """Where the daemon writes its pid."""
        return self.folder / "pipe" / f"{CONTROL}.pid"

    def pid(self) -> int:
        """The daemon's pid, from its file."""
        return int(self.pid_file.read_text())

    def log(self) -> str:
        """The control daemon's log."""
        return (self.folder / "log" / "control.log").read_text()


@pytest.fixture
def make(
    gpu: Gpu, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Segment]]:
    """Makes segments with directories of their own; their daemons are ended afterwards."""
    monkeypatch.setenv("PATH", environment["PATH"])
    made: list[Segment] = []

    def segment(device: str | None = None, name: str = "segment") -> Segment:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        own = {
            "CUDA_VISIBLE_DEVICES": device or gpu.create_full(14, 2 * len(made))[2],
            "CUDA_MPS_PIPE_DIRECTORY": str(folder / "pipe"),
            "CUDA_MPS_LOG_DIRECTORY": str(folder / "log"),
        }
        made.append(Segment(folder, {**environment, **own}))
        return made[-1]

    yield segment
    for each in made:
        if each.pid_file.exists():
            each.say("quit\n")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def _await_end(pid: int) -> None:
    for _ in range(200):
        if not _is_alive(pid):
            return
        time.sleep(0.01)
    raise AssertionError(f"{pid} lives on")


def test_life_of_a_daemon(make: Callable[..., Segment]) -> None:
    """`-d` returns when the daemon serves, quickly; it answers commands; `quit` returns when it is gone."""
    segment = make()
    began = time.monotonic()
    assert segment.start().returncode == 0
    assert time.monotonic() - began < 1
    pid = segment.pid()
    assert Path(f"/proc/{pid}/comm").read_text().strip() == CONTROL[:15]
    assert segment.say("get_server_list\n").stdout == ""
    assert segment.say("get_default_active_thread_percentage\n").stdout == "100.0\n"
    assert segment.say("set_default_active_thread_percentage 40\nget_default_active_thread_percentage\n").stdout == (
        "40.0\n40.0\n"
    )
    assert segment.say("dance\n").stdout == "Unrecognized command dance\n"
    assert segment.say("quit\n").returncode == 0
    assert not segment.pid_file.exists()
    _await_end(pid)
    assert "Starting control daemon" in segment.log()


def test_quit_with_a_timeout(make: Callable[..., Segment]) -> None:
    """`quit -t S` ends the daemon too."""
    segment = make()
    segment.start()
    pid = segment.pid()
    assert segment.say("quit -t 5\n").returncode == 0
    _await_end(pid)


def test_one_daemon_for_a_pipe_directory(make: Callable[..., Segment]) -> None:
    """A second daemon on the same pipe directory is refused, and the first goes on; another directory is free."""
    first, other = make(), make(name="other")
    assert first.start().returncode == 0
    again = first.start()
    assert again.returncode == 1
    assert "already running" in again.stderr
    assert other.start().returncode == 0
    assert first.pid() != other.pid()
    assert first.say("get_server_list\n").returncode == 0


def test_servers(make: Callable[..., Segment]) -> None:
    """A server can be started, listed, asked and shut down, and ends with the daemon."""
    segment = make()
    segment.start()
    segment.say("start_server -uid 0\nstart_server -uid 0\n")
    first, second = map(int, segment.say("get_server_list\n").stdout.split())
    assert segment.say(f"get_server_status {first}\n").stdout == "ACTIVE\n"
    segment.say(f"shutdown_server {first}\n")
    assert segment.say("get_server_list\n").stdout.split() == [str(second)]
    segment.say("quit\n")
    assert not _is_alive(second)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals(make: Callable[..., Segment], number: signal.Signals) -> None:
    """SIGTERM ends the daemon and its servers tidily; after kill -9 a new one starts in the same directory."""
    segment = make()
    segment.start()
    pid = segment.pid()
    segment.say("start_server -uid 0\n")
    server = int(segment.say("get_server_list\n").stdout)
    os.kill(pid, number)
    _await_end(pid)
    _await_end(server)
    assert segment.pid_file.exists() == (number == signal.SIGKILL)
    assert segment.say("get_server_list\n").returncode == 1
    assert segment.start().returncode == 0
    assert segment.pid() != pid


def test_no_daemon(make: Callable[..., Segment]) -> None:
    """Commands without a daemon fail with the real one's words."""
    answer = make().say("quit\n")
    assert answer.returncode == 1
    assert "Cannot find MPS control daemon process" in answer.stderr


def test_a_device_that_is_not_there(make: Callable[..., Segment]) -> None:
    """A daemon on a MIG device that does not exist does not start, and says why on stderr and in the log."""
    segment = make(device="MIG-00000000-0000-0000-0000-000000000000")
    answer = segment.start()
    assert answer.returncode == 1
    assert "names no device" in answer.stderr
    assert "names no device" in segment.log()
    assert not segment.pid_file.exists()


def test_a_deep_pipe_directory(make: Callable[..., Segment]) -> None:
    """A pipe directory longer than a socket address may be works."""
    segment = make(name="/".join(["a-long-name-of-a-folder"] * 8))
    assert segment.start().returncode == 0
    assert segment.say("get_default_active_thread_percentage\n").stdout == "100.0\n"


def test_clients_at_once(make: Callable[..., Segment]) -> None:
    """Ten clients at once are all answered."""
    segment = make()
    segment.start()
    command = f"for i in 1 2 3 4 5 6 7 8 9 10; do echo get_default_active_thread_percentage | {CONTROL} & done; wait"
    answer = subprocess.run(["sh", "-c", command], env=segment.environment, capture_output=True, text=True, timeout=20)
    assert answer.stdout == "100.0\n" * 10
