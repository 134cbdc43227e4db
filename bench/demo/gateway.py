"""The edge agent behind the thin link, as the demo runs it: how it reaches the plane, its frames and its results."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.demo.link import NamespaceLink
from bench.demo.world import World
from bench.plane import BIN, REPO

WORKLOAD = "recognition-tail"
LEVELS = ("raw", "rans-8", "rans-6", "rans-4", "rans-3", "rans-2")


@dataclass
class Gateway:
    """One gateway; frames and results lie in its folder."""

    world: World
    folder: Path
    flags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        world, ports = self.world, self.world.plane.ports
        if isinstance(world.link, NamespaceLink):
            api, xds = (f"{world.link.host}:{ports[name]}" for name in ("api", "xds"))
            reach = [f"--xds-server={xds}"]
        else:
            api = f"127.0.0.1:{world.link.relay(lambda: ('127.0.0.1', ports['api']))}"
            reach = [f"--tail=127.0.0.1:{world.link.relay(lambda: self.endpoint(WORKLOAD))}"]
        state = self.folder / "state"
        self.flags = [
            f"--controller={api}",
            *reach,
            "--device=line-3",
            f"--workload={WORKLOAD}",
            f"--state-dir={state}",
        ]

    def endpoint(self, workload: str) -> tuple[str, int]:
        """A ready endpoint of a workload. LookupError if there is none."""
        with self.world.client() as client:
            found = [e for s in client.segments(workload=workload) for e in s.endpoints if e.ready]
        if not found:
            raise LookupError(workload)
        return found[0].host, found[0].port

    def put(self, folder: str, index: int, frame: np.ndarray[Any, Any]) -> Path:
        """Writes one frame as a .npy file that appears at once."""
        home = self.folder / folder
        home.mkdir(exist_ok=True)
        fresh = home / f".{index:04d}.part"
        with fresh.open("wb") as file:
            np.save(file, frame)
        return fresh.rename(home / f"{index:04d}.npy")

    def command(self, frames: str, results: Path, *extra: str) -> list[str]:
        """The edge agent's command line, behind the link."""
        home = self.folder / frames
        paths = [f"--input-dir={home}", f"--results={results}", "--listen=", "--threads=1"]
        return [*self.world.link.prefix, str(BIN / "sliceplane-edge-agent"), *self.flags, *paths, *extra]

    def answer_all(self, frames: str, name: str, *extra: str) -> list[dict[str, Any]]:
        """Answers all frames of a folder one at a time; the results."""
        results = self.folder / f"{name}.jsonl"
        process = self.world.plane.spawn(f"edge-{name}", self.command(frames, results, "--once", "--window=1", *extra))
        if process.wait(120):
            raise RuntimeError(f"the edge agent failed:\n{self.world.plane.tail(f'edge-{name}')}")
        del self.world.plane.processes[f"edge-{name}"]
        return read(results)

    def upload(self, model: str, samples: Path, count: int) -> list[float]:
        """Latencies of raw uploads to a whole model over the same link, ms."""
        target = f"xds:///{model}"
        env = {**os.environ, "GRPC_VERBOSITY": "NONE"}
        if isinstance(self.world.link, NamespaceLink):
            xds = self.world.bootstrap(self.world.link.host)
            env["GRPC_XDS_BOOTSTRAP"] = str(xds)
        else:
            target = f"127.0.0.1:{self.world.link.relay(lambda: self.endpoint(model))}"
        command = [str(BIN / "python"), "-m", "bench.demo.upload", target, model, str(samples), str(count)]
        done = subprocess.run([*self.world.link.prefix, *command], env=env, cwd=REPO, capture_output=True, check=True)
        times: list[float] = json.loads(done.stdout)
        return times


def read(results: Path) -> list[dict[str, Any]]:
    """The results so far, one dictionary a frame."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().splitlines() if line.endswith("}")]
