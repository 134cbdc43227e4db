"""Host names to IP addresses: gRPC clients accept nothing else in endpoints."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Iterable

import structlog

log = structlog.get_logger("xds")

KEPT_S = 30.0
TIMEOUT_S = 5.0


class Addresses:
    """Looks names up, and keeps the last good answer where a look-up fails."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._fresh_until: dict[str, float] = {}

    async def resolve(self, hosts: Iterable[str]) -> dict[str, str]:
        """An IP address for each host that has one; IP addresses stand for themselves."""
        names = sorted(hosts)
        found = await asyncio.gather(*(self._address(name) for name in names))
        return {name: address for name, address in zip(names, found, strict=True) if address}

    async def _address(self, host: str) -> str:
        if is_ip(host):
            return host
        if self._fresh_until.get(host, 0.0) < time.monotonic():
            await self._look_up(host)
        return self._known.get(host, "")

    async def _look_up(self, host: str) -> None:
        self._fresh_until[host] = time.monotonic() + KEPT_S
        try:
            async with asyncio.timeout(TIMEOUT_S):
                infos = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError) as error:
            log.warning("host name has no address: its endpoints are left out", host=host, error=str(error))
            return
        # IPv4 first: a client that has no IPv6 could not dial the other.
        ordered = sorted(infos, key=lambda info: info[0] != socket.AF_INET)
        self._known[host] = str(ordered[0][4][0])


def is_ip(host: str) -> bool:
    """Whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
