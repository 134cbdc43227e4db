"""Who holds the GPUs' device files, so that an instance in use can be explained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

DEVICE = "/dev/nvidia"


def holders(proc: Path = Path("/proc")) -> list[str]:
    """Other processes that have an NVIDIA device open, as "name (pid N)"; those hidden from us are left out."""
    others = [folder for folder in proc.iterdir() if folder.name.isdigit() and int(folder.name) != os.getpid()]
    return sorted(f"{_name(folder)} (pid {folder.name})" for folder in others if any(_devices(folder)))


def _devices(folder: Path) -> Iterator[str]:
    try:
        for link in (folder / "fd").iterdir():
            target = str(link.readlink())
            if target.startswith(DEVICE):
                yield target
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "a process"
