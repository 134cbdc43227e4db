"""A whole plane on this machine, as real processes: controller, simulated GPU hosts with agents, edge agents.

The demo and the end-to-end tests share it. Every process that it starts, and all that those start in turn, carry a
marker in their environment, so that nothing can be left running, whoever was killed meanwhile.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from simulator import host

MARKER = "SLICEPLANE_PLANE"
BIN = Path(sys.executable).parent
REPO = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A TCP port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Plane:
    """Processes by name, their logs and ports; `folder` holds everything they write."""

    folder: Path
    marker: str = field(default_factory=lambda: uuid.uuid4().hex)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def spawn(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts `command` as `name`, in a session of its own, its output in FOLDER/logs/NAME.log."""
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {}), MARKER: self.marker},
                start_new_session=True,
                cwd=self.folder,
            )
        self.processes[name] = process
        return process

    def start_controller(self, *extra: str, addresses: Iterable[str] = ("127.0.0.1",), timeout_s: float = 60) -> None:
        """Starts the controller on its embedded Postgres and waits until it answers; ports stay over restarts."""
        self.ports = self.ports or {name: free_port() for name in ("api", "xds", "http")}
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        listen = [f"--http-listen=127.0.0.1:{self.ports['http']}"]
        for address in addresses:
            listen += [f"--listen={address}:{self.ports['api']}", f"--xds-listen={address}:{self.ports['xds']}"]
        command = [str(BIN / "sliceplane-controller"), f"--state-dir={self.folder / 'controller'}", *listen]
        process = self.spawn("controller", [*command, f"--port-file={ports}", *extra])
        deadline = time.monotonic() + timeout_s
        while not ports.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the controller did not start:\n{self.tail('controller')}")
            time.sleep(0.05)

    def make_host(self, name: str, gpus: int = 2) -> dict[str, str]:
        """A simulated host's environment; made at the first call, the same afterwards."""
        state = self.folder / name / "gpu"
        if not state.exists():
            host.create(state, gpus=gpus)
        env: dict[str, str] = host.environment(state)
        return env

    def start_agent(self, name: str, *extra: str, gpus: int = 2) -> subprocess.Popen[bytes]:
        """Starts (or restarts) the node agent of the simulated host `name`."""
        env = self.make_host(name, gpus)
        command = [
            str(BIN / "sliceplane-node-agent"),
            f"--controller=127.0.0.1:{self.ports['api']}",
            f"--node={name}",
            f"--state-dir={self.folder / name / 'agent'}",
            *extra,
        ]
        return self.spawn(f"agent-{name}", command, env)

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a process's log."""
        path = self.folder / "logs" / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"

    def kill(self, name: str) -> None:
        """kill -9 of one process that we started, and nothing else."""
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def stop(self, name: str, timeout_s: float = 30) -> int:
        """SIGTERM, then wait; its exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(timeout_s)

    def left(self) -> list[psutil.Process]:
        """Every living process that carries our marker."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARKER) == self.marker and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def down(self) -> int:
        """Ends everything: gracefully by SIGTERM first, by SIGKILL what is left; how many needed the latter."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        leftovers = self.left()
        for leftover in leftovers:
            leftover.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(leftovers, timeout=10)
        for stubborn in alive:
            stubborn.kill()
        psutil.wait_procs(alive, timeout=5)
        self.processes.clear()
        return len(alive)
