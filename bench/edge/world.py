"""The edge and the device: one Triton with a tail for each bundle, and the edge agent behind a shaped link."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.chaos_edge.sources import Results
from bench.demo.link import NamespaceLink
from bench.plane import BIN, REPO, Plane, free_port
from common.bundle import Bundle
from common.onnx_meta import facts
from node_agent.config import config_pbtxt

TRITON = REPO / "build" / "simulator" / "bin" / "tritonserver"
START_S = 0.5  # that the device's programs load at full speed, before any model runs
PERIOD_US = 20_000
HANDSHAKES = """
import socket, sys, time
def once():
    begun = time.monotonic()
    socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
    return 1000 * (time.monotonic() - begun)
print(min(once() for _ in range(20)))
"""


@dataclass
class World:
    """One run. `share`: of one core, that the device gets; `bundles` by name, `names` by digest."""

    plane: Plane
    bundles: dict[str, Path]
    share: float
    link: NamespaceLink = field(default_factory=lambda: NamespaceLink(1000.0, host="198.18.78.1", edge="198.18.78.2"))
    number: int = 0

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in ("triton", *self.bundles)}
        self.names = {Bundle.open(path).digest: name for name, path in self.bundles.items()}
        self.budget = _cgroup() / f"sliceplane-{os.getpid()}"

    def up(self) -> None:
        """Starts all but the device. RuntimeError, or what the system says, without the rights."""
        self.budget.mkdir()
        (self.budget / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        self.link.up()
        home = self.plane.folder / "repository"
        for name, path in self.bundles.items():
            (home / name / "1").mkdir(parents=True)
            model = home / name / "1" / "model.onnx"
            model.write_bytes(Bundle.open(path).tail_bytes())
            (home / name / "config.pbtxt").write_text(config_pbtxt(name, facts(str(model)), 1, 0))
        flags = {
            "model-repository": home, "grpc-address": "127.0.0.1", "http-address": "127.0.0.1",
            "grpc-port": self.ports["triton"], "http-port": free_port(), "metrics-port": free_port(),
            "allow-metrics": "false", "http-thread-count": 1,
        }  # fmt: skip
        command = [str(TRITON), *(f"--{flag}={value}" for flag, value in flags.items())]
        self.plane.spawn("triton", [*command, "--disable-auto-complete-config"], {"OMP_NUM_THREADS": "1"})
        for name, path in self.bundles.items():
            where = [f"--listen={self.link.host}:{self.ports[name]}", f"--triton=127.0.0.1:{self.ports['triton']}"]
            self.plane.spawn(name, [str(BIN / "sliceplane-tail"), *where, f"--model={name}", f"--bundle={path}"])

    def shape(self, rate_mbit: float) -> None:
        """The link's rate from now on; 0: it is cut."""
        _set(self.link, rate_mbit > 0)
        if rate_mbit > 0:
            self.link.rate_mbit = rate_mbit
            self.link.thin()

    def rtt_ms(self) -> float:
        """The least of some TCP handshakes over the link, with anything that listens at the edge, ms."""
        with socket.create_server((self.link.host, 0)) as server:
            where = (self.link.host, str(server.getsockname()[1]))
            command = [*self.link.prefix, sys.executable, "-c", HANDSHAKES, *where]
            return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def start(self, bundles: str, inputs: Path, *flags: str) -> Results:
        """Starts the edge agent on bundles, as "NAME+NAME", with a state of its own; what it answers."""
        self.number += 1
        home = self.plane.folder / f"device-{self.number}"
        results = home / "results.jsonl"
        command = [
            *self.link.prefix, str(BIN / "sliceplane-edge-agent"),
            *(f"--bundle={self.bundles[name]}" for name in bundles.split("+")),
            *(f"--tail={self.link.host}:{self.ports[name]}" for name in bundles.split("+")),
            f"--state-dir={home}", f"--results={results}",
            f"--input-dir={inputs}", "--listen=", "--threads=1", *flags,
        ]  # fmt: skip
        budgeted = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(self.budget), *command]
        self._quota(1.0)
        self.plane.spawn("edge", budgeted, {"OMP_NUM_THREADS": "1"})
        time.sleep(START_S)
        self._quota(self.share)
        if results.exists():
            raise RuntimeError("the device began to answer before it was held to its budget")
        return Results(results)

    def _quota(self, share: float) -> None:
        (self.budget / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD_US)))

    def down(self) -> None:
        """Ends everything."""
        self.plane.down()
        self.link.down()
        for _ in range(50):
            try:
                self.budget.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.1)
            else:
                return


def _cgroup() -> Path:
    """This process's own group in the CPU controller. RuntimeError without cgroup v1."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return Path("/sys/fs/cgroup/cpu") / path.lstrip("/")
    raise RuntimeError("the device's budget takes the CPU controller of cgroup v1")


def _set(link: NamespaceLink, up: bool) -> None:
    os.spawnvp(os.P_WAIT, "ip", ["ip", "link", "set", f"{link.name}h", "up" if up else "down"])
