"""The edge under test: Triton, two tails, a broker, a relay and the edge agent, as real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from bench.chaos_edge.relay import Relay
from bench.demo.ocr import FILES
from bench.mosquitto import Mosquitto
from bench.plane import BIN, REPO, Plane, free_port
from common.bundle import Bundle
from common.onnx_meta import facts
from node_agent.config import config_pbtxt
from slicer import bundle as bundles

MODEL, DISK_MB = "orientation-tail", 64
TRITON = REPO / "build" / "simulator" / "bin" / "tritonserver"
FAKETIME = REPO / "build" / "faketime"


@dataclass
class World:
    """One run. `disk`: the folder that the queue, the state and the results lie in, of limited size."""

    plane: Plane
    disk: Path
    ports: dict[str, int] = field(default_factory=lambda: {n: free_port() for n in ("triton", "tail", "other")})

    def __post_init__(self) -> None:
        folder = self.plane.folder
        self.bundle, self.other = folder / "edge.bundle", folder / "other.bundle"
        self.content = _cut("raw")
        self.bundle.write_bytes(self.content)
        self.other.write_bytes(_cut("rans-8"))
        self.broker = Mosquitto(folder / "mosquitto").start()
        self.frames = folder / "frames"
        self.frames.mkdir()
        self.clock = folder / "clock"
        self.clock.write_text("+0")
        self.results = self.disk / "results.jsonl"
        self.relay = Relay(self.ports["tail"])

    @property
    def how_clocks_jump(self) -> str:
        """What the report says of it."""
        return "libfaketime, wall clock of the edge agent only" if _faketime() else "not possible: no libfaketime"

    def up(self) -> None:
        """Starts everything."""
        self.start_triton()
        for name, bundle in (("tail", self.bundle), ("other", self.other)):
            self.start_tail(name, bundle)
        self.start_edge()

    def start_triton(self) -> None:
        """The Triton that runs the tail."""
        home = self.plane.folder / "repository" / MODEL
        if not home.exists():
            (home / "1").mkdir(parents=True)
            (home / "1" / "model.onnx").write_bytes(Bundle.open(self.content).tail_bytes())
            text = config_pbtxt(MODEL, facts(str(home / "1" / "model.onnx")), 4, 0)
            (home / "config.pbtxt").write_text(text)
        flags = {
            "model-repository": home.parent, "grpc-address": "127.0.0.1", "http-address": "127.0.0.1",
            "grpc-port": self.ports["triton"], "http-port": free_port(), "metrics-port": free_port(),
            "allow-metrics": "false", "http-thread-count": 1,
        }  # fmt: skip
        command = [str(TRITON), *(f"--{flag}={value}" for flag, value in flags.items())]
        self.plane.spawn("triton", [*command, "--disable-auto-complete-config"], {"OMP_NUM_THREADS": "1"})

    def start_tail(self, name: str = "tail", bundle: Path | None = None) -> None:
        """A tail; "other" serves another bundle."""
        where = [f"--listen=127.0.0.1:{self.ports[name]}", f"--triton=127.0.0.1:{self.ports['triton']}"]
        kept = self.plane.folder / f"of-{name}.bundle"
        if bundle:
            shutil.copyfile(bundle, kept)
        self.plane.spawn(name, [str(BIN / "sliceplane-tail"), *where, f"--model={MODEL}", f"--bundle={kept}"])

    def start_edge(self) -> None:
        """The edge agent, as its unit would start it again."""
        flags = [
            f"--bundle={self.bundle}", f"--tail=127.0.0.1:{self.relay.port}", f"--state-dir={self.disk / 'state'}",
            f"--queue-dir={self.disk / 'queue'}", f"--results={self.results}", f"--input-dir={self.frames}",
            f"--mqtt={self.broker.url}", "--mqtt-in=cameras/+", "--mqtt-out=results/{source}", "--listen=",
            "--threads=1", "--deadline-ms=1500", "--goal=offload", "--device=chaos", "--log-format=json",
        ]  # fmt: skip
        self.plane.spawn("edge", [str(BIN / "sliceplane-edge-agent"), *flags], self._clock_environment())

    def subscribed(self, within_s: float = 60) -> None:
        """Waits for the agent's first subscription: before it the broker keeps nothing for it."""
        deadline = time.monotonic() + within_s
        while '"subscribed"' not in self.plane.tail("edge", 1000):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the edge agent did not subscribe within {within_s:g} s")
            time.sleep(0.1)

    def _clock_environment(self) -> dict[str, str]:
        library = _faketime()
        if not library:
            return {}
        return {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def down(self) -> None:
        """Ends everything."""
        self.plane.down()
        self.broker.stop()
        self.relay.close()


def _faketime() -> Path | None:
    return next(FAKETIME.glob("usr/lib/*/faketime/libfaketime.so.1"), None)


def _cut(level: str) -> bytes:
    """The orientation model cut where the fewest bytes cross."""
    path = FILES["orientation"]
    command = [str(BIN / "sliceplane-slicer"), "cuts", str(path), "--shape=1x3x48x192", "-o", "json"]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ})
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    early = [cut for cut in listed if cut["raw_bytes"] and len(cut["shape"]) == 4]
    best = min(early, key=lambda cut: cut["raw_bytes"])
    return bundles.make(
        onnx.load(str(path)), best["tensor"], name="orientation", level=level, shapes={"x": (1, 3, 48, 192)}
    )


def limited(folder: Path) -> str:
    """Mounts a file system of DISK_MB on `folder`; how it was done. RuntimeError without the right to."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "sliceplane-chaos", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise RuntimeError("a disk that can be filled takes the right to mount: run it as root")
    return f"tmpfs of {DISK_MB} MB, filled"


def unmount(folder: Path) -> None:
    """Takes it away, however busy."""
    for _ in range(20):
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
