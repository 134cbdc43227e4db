"""The host for human eyes: GPUs, their slices, instances and processes, and what is wrong."""

from __future__ import annotations

from pathlib import Path

from simulator.state import value_of

FAULTS = ("lost", "gi_in_use", "ci_fail", "delay_ms", "renamed")


def of_host(folder: Path, lines: list[str]) -> str:
    """A few lines for each GPU, from the lines of the state."""
    return "\n".join(text for line in lines if line.startswith("gpu ") for text in _gpu(folder, lines, line)) + "\n"


def _gpu(folder: Path, lines: list[str], line: str) -> list[str]:
    index = line.split()[1]
    faults = [f"{name}={value_of(line, name)}" for name in FAULTS if value_of(line, name) != "0"]
    head = f"GPU {index}  {value_of(line, 'name')}  {value_of(line, 'uuid')}  MIG {_mode(line)}  {' '.join(faults)}"
    instances = [other for other in lines if other.startswith(f"gi gpu={index} ")]
    parts = [_instance(folder, lines, index, instance) for instance in instances]
    return [head.rstrip(), *sorted(parts)]


def _mode(line: str) -> str:
    now, then = value_of(line, "mig"), value_of(line, "mig_pending")
    words = {"0": "off", "1": "on"}
    return words[now] if now == then else f"{words[now]}, {words[then]} after a reset"


def _instance(folder: Path, lines: list[str], gpu: str, line: str) -> str:
    start, slices, gi = int(value_of(line, "start")), int(value_of(line, "slices")), value_of(line, "id")
    computes = [other for other in lines if other.startswith(f"ci gpu={gpu} gi={gi} ")]
    names = [_compute(folder, compute) for compute in computes] or ["no compute instance"]
    drawn = "." * start + "#" * slices + "." * (8 - start - slices)
    return f"  start {start}  [{drawn}]  GI {gi}  profile {value_of(line, 'profile')}  {', '.join(names)}"


def _compute(folder: Path, line: str) -> str:
    uuid = value_of(line, "uuid")
    clients = [client for client in (folder / "clients").glob("[0-9]*") if Path("/proc", client.name).exists()]
    pids = [client.name for client in clients if client.read_text().split()[-1:] == [uuid]]
    used = f" used by {' '.join(sorted(pids))}" if pids else ""
    return f"{value_of(line, 'gpcs')} GPC {uuid}{used}"
