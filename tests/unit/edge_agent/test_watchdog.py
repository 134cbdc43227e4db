"""The watchdog, against a notify socket as systemd's."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from edge_agent.watchdog import Watchdog, from_environment


async def test_a_hung_loop_stops_the_pings(tmp_path: Path) -> None:
    """READY comes once, pings while the loop turns, none while it hangs, again when it goes on."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
        systemd.bind(str(path))
        task = asyncio.create_task(Watchdog(str(path), 0.02).run())
        await asyncio.sleep(0.2)
        first = _received(systemd)
        assert first[0] == "READY=1"
        assert set(first[1:]) == {"WATCHDOG=1"}
        assert len(first) >= 4
        time.sleep(0.2)  # noqa: ASYNC251 - the loop hangs
        assert _received(systemd) == []
        await asyncio.sleep(0.1)
        assert _received(systemd)
        task.cancel()


def _received(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(100).decode())
        except BlockingIOError:
            return found


def test_environment() -> None:
    """Pings come twice as often as systemd demands; another process's watchdog is none of ours."""
    asked = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}
    assert from_environment(asked, 7) == Watchdog("@x", 15.0)
    assert from_environment(asked, 8) == Watchdog("@x", 0.0)
    assert from_environment({}) == Watchdog()


async def test_without_systemd_nothing_happens() -> None:
    """No socket, or one that is gone, is no error."""
    Watchdog().tell("READY=1")
    Watchdog("/nowhere/notify").tell("READY=1")
