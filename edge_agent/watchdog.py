"""Tells systemd that the agent is ready and that its event loop turns (sd_notify); nothing without systemd."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchdog:
    """`path`: systemd's socket, "" without one; `every_s`: between pings, half of what systemd allows, 0 for none."""

    path: str = ""
    every_s: float = 0.0

    def tell(self, state: str) -> None:
        """Sends one state, such as "READY=1"; what cannot be sent is not worth failing for."""
        if not self.path:
            return
        name = f"\0{self.path[1:]}" if self.path.startswith("@") else self.path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
                notify.sendto(state.encode(), name)
        except OSError:
            pass

    async def run(self) -> None:
        """Pings from the event loop until cancelled: one that hangs pings no more, and systemd restarts the agent."""
        self.tell("READY=1")
        while True:
            if self.every_s:
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.every_s or 3600)


def from_environment(environ: Mapping[str, str], pid: int | None = None) -> Watchdog:
    """The watchdog that systemd asks this process for."""
    mine = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
    allowed = environ.get("WATCHDOG_USEC", "") if mine else ""
    return Watchdog(environ.get("NOTIFY_SOCKET", ""), int(allowed) / 2e6 if allowed.isdigit() else 0.0)
