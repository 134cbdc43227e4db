"""What can go wrong with a simulated GPU: each fault as a change of the host's state."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from simulator import state

XID_FALLEN_OFF_THE_BUS = 79

# Faults that set fields of the GPU's line; the counted ones take their number from the fault, NAME=N.
PLAIN: dict[str, dict[str, int]] = {
    "gpu-lost": {"lost": 1},
    "gpu-back": {"lost": 0},
    "mig-off": {"mig": 0, "mig_pending": 0},
    "mig-pending": {"mig": 0, "mig_pending": 1},
    "renamed": {"renamed": 1},
    "reset": {"lost": 0},
}
COUNTED = {"gi-in-use": "gi_in_use", "ci-fail": "ci_fail", "delay-ms": "delay_ms"}
WITHOUT_INSTANCES = frozenset({"mig-off", "mig-pending", "reset"})
CHOICES = (*PLAIN, *(f"{name}=N" for name in (*COUNTED, "xid")))


def inject(folder: Path, gpu: int, fault: str) -> None:
    """Changes what GPU `gpu` does from now on. ValueError for a fault or GPU that is not known."""
    change = _change(fault)
    with state.locked(folder):
        lines = state.read(folder)
        if not any(line.startswith(f"gpu {gpu} ") for line in lines):
            raise ValueError(f"no GPU {gpu} on this host")
        state.write(folder, change(lines, gpu))


def _change(fault: str) -> Callable[[list[str], int], list[str]]:
    name, _, number = fault.partition("=")
    if fault in PLAIN:
        return lambda lines, gpu: _plain(lines, gpu, fault)
    if name in COUNTED and number.isdecimal():
        return lambda lines, gpu: _with_fields(lines, gpu, {COUNTED[name]: int(number)})
    if name == "xid" and number.isdecimal():
        return lambda lines, gpu: state.with_event(lines, gpu, int(number))
    raise ValueError(f'unknown fault "{fault}": choose one of {", ".join(CHOICES)}')


def _plain(lines: list[str], gpu: int, fault: str) -> list[str]:
    fields = dict(PLAIN[fault])
    if fault == "reset":
        line = next(line for line in lines if line.startswith(f"gpu {gpu} "))
        fields["mig"] = int(state.value_of(line, "mig_pending"))
    changed = _with_fields(lines, gpu, fields)
    if fault == "gpu-lost":
        changed = state.with_event(changed, gpu, XID_FALLEN_OFF_THE_BUS)
    if fault in WITHOUT_INSTANCES:
        changed = [line for line in changed if not re.match(rf"(gi|ci) gpu={gpu} ", line)]
    return changed


def _with_fields(lines: list[str], gpu: int, fields: dict[str, int]) -> list[str]:
    return [_set(line, fields) if line.startswith(f"gpu {gpu} ") else line for line in lines]


def _set(line: str, fields: dict[str, int]) -> str:
    for name, value in fields.items():
        line = state.with_value(line, name, value)
    return line
