"""A simulated GPU host: makes its state, says with what environment a node agent runs on it, injects faults.

python -m simulator.host DIR create [--gpus N] [--product NAME]
python -m simulator.host DIR status
python -m simulator.host DIR fault GPU gpu-lost|gpu-back|xid=N|gi-in-use=N|ci-fail=N|delay-ms=N|mig-off|reset
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build" / "simulator"
DRIVER = "550.54.15"
MEMORY_MB = {"NVIDIA A100-SXM4-80GB": 81920, "NVIDIA A100-SXM4-40GB": 40960}
PRODUCT = "NVIDIA A100-SXM4-80GB"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "host.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(folder: Path, lines: list[str]) -> None:
    fresh = folder / "host.state.new"
    with fresh.open("w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(folder / "host.state")


def create(folder: Path, gpus: int = 2, product: str = PRODUCT, *, mig: bool = True) -> None:
    """Makes a host of `gpus` GPUs in `folder`, MIG mode on or off. ValueError for a product that is not known."""
    if product not in MEMORY_MB:
        raise ValueError(f'unknown product "{product}": choose one of {", ".join(MEMORY_MB)}')
    folder.mkdir(parents=True, exist_ok=True)
    on = int(mig)
    lines = ["sliceplane-sim 1", f"driver {DRIVER}"]
    lines += [
        f"gpu {index} uuid=GPU-{uuid.uuid4()} memory_mb={MEMORY_MB[product]} mig_capable=1 mig={on} mig_pending={on} "
        f"lost=0 gi_in_use=0 ci_fail=0 delay_ms=0 xid=0 name={product}"
        for index in range(gpus)
    ]
    with _locked(folder):
        _write(folder, lines)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process on that host: where it finds NVML, MPS and Triton."""
    if not (BUILD / "lib" / "libnvidia-ml.so.1").exists():
        raise FileNotFoundError("the simulated host is not built: say make install")
    paths = {"PATH": str(BUILD / "bin"), "LD_LIBRARY_PATH": str(BUILD / "lib")}
    joined = {name: os.pathsep.join(filter(None, (first, os.environ.get(name)))) for name, first in paths.items()}
    return {**joined, "SLICEPLANE_SIM_STATE": str(folder.resolve())}


def _set(name: str, value: int) -> Callable[[str], str]:
    return lambda line: re.sub(rf"\b{name}=-?\d+", f"{name}={value}", line)


def _reset(line: str) -> str:
    pending = re.search(r"mig_pending=(\d)", line)
    return _set("mig", int(pending[1]) if pending else 0)(_set("lost", 0)(line))


def _change(fault: str) -> Callable[[str], str]:
    plain = {
        "gpu-lost": _set("lost", 1),
        "gpu-back": _set("lost", 0),
        "mig-off": lambda line: _set("mig_pending", 0)(_set("mig", 0)(line)),
        "reset": _reset,
    }
    counted = {"xid": "xid", "gi-in-use": "gi_in_use", "ci-fail": "ci_fail", "delay-ms": "delay_ms"}
    if fault in plain:
        return plain[fault]
    name, _, number = fault.partition("=")
    if name in counted and number.isdigit():
        return _set(counted[name], int(number))
    raise ValueError(f'unknown fault "{fault}": one of {", ".join(plain)}, or NAME=N with {", ".join(counted)}')


def inject(folder: Path, gpu: int, fault: str) -> None:
    """Changes what GPU `gpu` does from now on. ValueError for a fault or GPU that is not known."""
    change = _change(fault)
    with _locked(folder):
        lines = (folder / "host.state").read_text().splitlines()
        mine = [i for i, line in enumerate(lines) if line.startswith(f"gpu {gpu} ")]
        if not mine:
            raise ValueError(f"no GPU {gpu} on this host")
        lines[mine[0]] = change(lines[mine[0]])
        if fault == "reset":
            lines = [line for line in lines if not re.match(rf"(gi|ci) gpu={gpu} ", line)]
        _write(folder, lines)


def status(folder: Path) -> str:
    """The host's GPUs and instances, as its state says."""
    with _locked(folder):
        return (folder / "host.state").read_text()


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit code 2 and one line for what it does not understand."""
    parser = argparse.ArgumentParser(prog="simulator.host", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("create")
    making.add_argument("--gpus", type=int, default=2)
    making.add_argument("--product", default=PRODUCT)
    verbs.add_parser("status")
    faulting = verbs.add_parser("fault")
    faulting.add_argument("gpu", type=int)
    faulting.add_argument("fault")
    asked = parser.parse_args(arguments)
    try:
        if asked.verb == "create":
            create(asked.folder, asked.gpus, asked.product)
        elif asked.verb == "fault":
            inject(asked.folder, asked.gpu, asked.fault)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(status(asked.folder), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
