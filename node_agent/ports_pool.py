"""TCP ports for the processes of segments: from a range, never one that is taken or promised."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable

from common.errors import ResourceExhausted


class PortPool:
    """Hands out free ports of `first`..`last` on `host`, going round, so that a port just freed rests a while."""

    def __init__(self, host: str, first: int, last: int, seed: str = "") -> None:
        """`seed`: agents that share a machine begin at different places, so that they seldom want the same port."""
        self.host, self.first, self.last = host, first, last
        self._next = first + zlib.crc32(seed.encode()) % (last - first + 1)

    def take(self, count: int, promised: Iterable[int]) -> list[int]:
        """`count` ports free to listen on and not among `promised`. ResourceExhausted if there are too few."""
        held = set(promised)
        found: list[int] = []
        for _ in range(self.last - self.first + 1):
            if len(found) == count:
                return found
            port = self._next
            self._next = port + 1 if port < self.last else self.first
            if port not in held and self.free(port):
                found.append(port)
        if len(found) == count:
            return found
        raise ResourceExhausted(
            f"ports {self.first} to {self.last} of {self.host} are all taken: give the agent a larger --port-range"
        )

    def free(self, port: int) -> bool:
        """Whether a program could listen on it now."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError:
                return False
            return True
