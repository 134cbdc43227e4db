"""A simulated GPU host: makes its state, says with what environment a node agent runs on it, injects faults.

python -m simulator.host DIR create [--gpus N] [--product NAME[,NAME...]] [--no-mig]
python -m simulator.host DIR status
python -m simulator.host DIR fault [--gpu I] FAULT [N]
python -m simulator.host DIR run COMMAND...
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from simulator import state, view
from simulator.faults import CHOICES, inject

__all__ = ["PRODUCT", "create", "environment", "inject", "load_library", "main", "status"]

BUILD = Path(__file__).resolve().parent.parent / "build" / "simulator"
DRIVER = "550.54.15"
PRODUCT = "NVIDIA A100-SXM4-80GB"
# Memory in MB, and whether the board can be split.
PRODUCTS = {
    PRODUCT: (81920, 1),
    "NVIDIA A100 80GB PCIe": (81920, 1),
    "NVIDIA A100-SXM4-40GB": (40960, 1),
    "NVIDIA A100-PCIE-40GB": (40960, 1),
    "Tesla T4": (15360, 0),
}
MAX_GPUS = 16


def create(
    folder: Path, gpus: int = 2, product: str | Sequence[str] = PRODUCT, *, mig: bool = True, seed: str | None = None
) -> None:
    """Makes a host of `gpus` GPUs in `folder`, MIG mode on or off; a sequence of products names one for each GPU.

    The GPUs' UUIDs come from `seed`, or from this machine's name and the folder: the same host has them again.
    ValueError for a product that is not known, a number of GPUs that cannot be, or a folder that holds a host already.
    """
    products = [product] * gpus if isinstance(product, str) else list(product)
    if not 1 <= len(products) <= MAX_GPUS:
        raise ValueError(f"a host has 1 to {MAX_GPUS} GPUs, not {len(products)}")
    folder.mkdir(parents=True, exist_ok=True)
    seed = seed or f"{platform.node()}:{folder.resolve()}"
    lines = [state.HEADER, f"host next_serial=1 next_event=1 driver={DRIVER}"]
    lines += [_gpu(index, name, mig, seed) for index, name in enumerate(products)]
    with state.locked(folder):
        if (folder / "host.state").exists():
            raise ValueError(f"{folder} holds a host already: remove the folder first, or choose another")
        state.write(folder, lines)


def _gpu(index: int, product: str, mig: bool, seed: str) -> str:
    name = product if product in PRODUCTS else f"NVIDIA {product}"
    if name not in PRODUCTS:
        raise ValueError(f'unknown product "{product}": choose one of {", ".join(PRODUCTS)}')
    memory_mb, capable = PRODUCTS[name]
    on = int(mig and capable)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"sliceplane-simulated-gpu:{seed}:{index}")
    return (
        f"gpu {index} uuid=GPU-{identity} memory_mb={memory_mb} mig_capable={capable} mig={on} mig_pending={on} "
        f"lost=0 gi_in_use=0 ci_fail=0 delay_ms=0 renamed=0 name={name}"
    )


def environment(folder: Path, build: Path = BUILD) -> dict[str, str]:
    """The environment, over this process's, of a process on that host: where it finds NVML, MPS and Triton.

    FileNotFoundError if the simulator is not built. Set it before the process starts: the loader reads it only then.
    """
    _library(build)
    paths = {"PATH": str(build / "bin"), "LD_LIBRARY_PATH": str(build / "lib")}
    joined = {name: os.pathsep.join(filter(None, (first, os.environ.get(name)))) for name, first in paths.items()}
    return {**joined, "SLICEPLANE_SIM_STATE": str(folder.resolve())}


def load_library() -> None:
    """Makes this very process find the simulated NVML: loaded by its path, it is found by its name afterwards."""
    ctypes.CDLL(str(_library(BUILD)))


def _library(build: Path) -> Path:
    library = build / "lib" / "libnvidia-ml.so.1"
    if not library.exists():
        raise FileNotFoundError(f"the simulated host is not built ({library} is missing): say make install")
    return library


def status(folder: Path) -> str:
    """The host's GPUs and instances, as its state says, one line each. ValueError if there is no host."""
    return "\n".join(state.read(folder)) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator.host", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="the host's folder")
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("create", help="make a host")
    making.add_argument("--gpus", type=int, default=2)
    making.add_argument("--product", default=PRODUCT, help="one for all GPUs, or one for each, with commas between")
    making.add_argument("--no-mig", action="store_true", help="MIG mode is off")
    verbs.add_parser("status", help="show GPUs, instances, what uses them, and faults")
    faulting = verbs.add_parser("fault", help="make a GPU misbehave, or mend it")
    faulting.add_argument("--gpu", type=int, default=0)
    faulting.add_argument("fault", metavar="FAULT", help=", ".join(CHOICES).replace("=N", " N"))
    faulting.add_argument("number", nargs="?", type=int)
    running = verbs.add_parser("run", help="run a command on the host, say its node agent")
    running.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _obey(asked: argparse.Namespace) -> None:
    if asked.verb == "create":
        product = asked.product.split(",") if "," in asked.product else asked.product
        create(asked.folder, asked.gpus, product, mig=not asked.no_mig)
    elif asked.verb == "fault":
        inject(asked.folder, asked.gpu, asked.fault if asked.number is None else f"{asked.fault}={asked.number}")
    elif asked.verb == "run":
        state.read(asked.folder)
        if not asked.command:
            raise ValueError("run wants a command")
        os.execvpe(asked.command[0], asked.command, {**os.environ, **environment(asked.folder)})  # noqa: S606 - that is `run`


def main(arguments: list[str] | None = None) -> int:
    """The command line; exit code 2 and one line for what it does not understand."""
    asked = _parser().parse_args(arguments)
    try:
        _obey(asked)
        print(view.of_host(asked.folder, state.read(asked.folder)), end="")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
