"""What the queue asks the machine: its clocks, and the room on its disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

from edge_agent.queue.clock import Reading

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def reading() -> Reading:
    """The clocks now."""
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    return Reading(boot, time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write on the disk of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a power loss."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
