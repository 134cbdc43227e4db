"""The simulated host's state file, edited from Python: the lines, lock and atomic replacement of nvml/state.c."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEADER = "sliceplane-sim 1"
MAX_EVENTS = 32


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the host's lock, against every process that uses it."""
    with (folder / "host.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read(folder: Path) -> list[str]:
    """The lines of the state. ValueError if there is no host in `folder`."""
    try:
        return (folder / "host.state").read_text().splitlines()
    except FileNotFoundError:
        hint = f"python -m simulator.host {folder} create"
        raise ValueError(f"there is no simulated host in {folder}: say {hint}") from None


def write(folder: Path, lines: list[str]) -> None:
    """Replaces the state as a whole; the lock must be held."""
    fresh = folder / "host.state.new"
    fresh.write_text("\n".join(lines) + "\n")
    fresh.replace(folder / "host.state")


def value_of(line: str, name: str) -> str:
    """The value of a line's field `name`. KeyError if it has none; a name that may hold blanks comes last."""
    found = re.search(rf"(?:^|\s){name}=(.*)" if name == "name" else rf"(?:^|\s){name}=(\S+)", line)
    if found is None:
        raise KeyError(name)
    return found[1]


def with_value(line: str, name: str, value: int) -> str:
    """The line with its field `name` set."""
    return re.sub(rf"(?<=\s){name}=-?\d+", f"{name}={value}", line)


def with_event(lines: list[str], gpu: int, xid: int) -> list[str]:
    """The state with one more XID error on a GPU; the oldest are forgotten."""
    number = int(value_of(lines[1], "next_event"))
    events = [line for line in lines if line.startswith("event ")][-(MAX_EVENTS - 1) :]
    rest = [line for line in lines[2:] if not line.startswith("event ")]
    host = with_value(lines[1], "next_event", number + 1)
    return [lines[0], host, *rest, *events, f"event number={number} gpu={gpu} xid={xid}"]
