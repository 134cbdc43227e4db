"""What the demo's stages share: the plane, the link, the client, samples and what onnxruntime says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.demo import labels, ocr
from bench.demo.link import NamespaceLink, RelayLink
from bench.demo.measure import session
from bench.demo.show import Show
from bench.plane import BIN, REPO, Plane
from sliceplane import Client

HOSTS = ("host-a", "host-b")
GPUS_PER_HOST = 2
SAMPLES = 32


@dataclass
class World:
    """One run of the demo; `models` are files by workload name."""

    show: Show
    plane: Plane
    link: NamespaceLink | RelayLink
    models: dict[str, Path] = field(default_factory=dict)

    @property
    def server(self) -> str:
        """Where the controller's API answers."""
        return f"127.0.0.1:{self.plane.ports['api']}"

    def client(self) -> Client:
        """A client of the running controller."""
        return Client(self.server)

    def cli(self, *arguments: str, shown: bool = True) -> str:
        """Runs `sliceplane ...` as an operator would, prints command and output; its output."""
        if shown:
            self.show.console.print(f"   [green]$[/] sliceplane {' '.join(arguments)}", markup=True)
        output = self.run("sliceplane", *arguments)
        if shown:
            self.show.console.print(output.rstrip(), markup=False)
        return output

    def run(self, program: str, *arguments: str) -> str:
        """Runs one of our programs; its output. RuntimeError with its last words if it fails."""
        command = [str(BIN / program), *arguments]
        env = {**os.environ, "SLICEPLANE_SERVER": self.server, "COLUMNS": "120"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=REPO, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def bootstrap(self, address: str = "127.0.0.1") -> Path:
        """The xDS bootstrap file that unmodified clients are given; `address`: where they reach this machine."""
        target = self.plane.folder / f"xds-{address}.json"
        self.cli("xds-bootstrap", f"--xds-server={address}:{self.plane.ports['xds']}", "-o", str(target), shown=False)
        return target

    def load(self, rates: dict[str, float], seconds: float) -> subprocess.Popen[bytes]:
        """Starts the load generator in a process of its own; `loaded` reads what it found."""
        workloads = [{"name": name, "rate": rate, "samples": str(self.samples(name))} for name, rate in rates.items()]
        spec = self.plane.folder / "load.json"
        spec.write_text(json.dumps({"seconds": seconds, "seed": 7, "workloads": workloads}))
        env = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(self.bootstrap()), "GRPC_VERBOSITY": "NONE"}
        command = [sys.executable, "-m", "bench.load", str(spec)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=env, cwd=REPO)

    def samples(self, name: str) -> Path:
        """Inputs for a workload and what onnxruntime answers when it runs the model directly; made once."""
        path = self.plane.folder / f"{name}.npz"
        if not path.exists():
            images = [labels.render(i, upside_down=i % 2 == 1 and name == "orientation").image for i in range(SAMPLES)]
            if name == "detection":
                images = [*labels.photographs(), *images[: SAMPLES - 2]]
            arrays = direct(self.models[name], [ocr.INPUTS[name](image) for image in images])
            np.savez(path, allow_pickle=False, **arrays)
        return path


def direct(model: Path, inputs: list[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """`input_NAME` and `output_NAME` arrays (n, ...): what onnxruntime answers, one input at a time."""
    runtime = session(model, 1)
    name = runtime.get_inputs()[0].name
    outputs = [o.name for o in runtime.get_outputs()]
    answers = [runtime.run(outputs, {name: value}) for value in inputs]
    made: dict[str, npt.NDArray[Any]] = {f"input_{name}": np.concatenate(inputs)}
    for number, output in enumerate(outputs):
        made[f"output_{output}"] = np.concatenate([answer[number] for answer in answers])
    return made


def loaded(process: subprocess.Popen[bytes], timeout_s: float) -> dict[str, dict[str, Any]]:
    """Waits for a load generator; what it found, by workload."""
    out, _ = process.communicate(timeout=timeout_s)
    if process.returncode:
        raise RuntimeError("the load generator failed")
    return {outcome["name"]: outcome for outcome in json.loads(out)}
