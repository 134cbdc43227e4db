"""A thin link for the edge agent: a namespace behind `tc tbf` for root, else a rate-limited relay in user space."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

HOST_ADDRESS, EDGE_ADDRESS = "198.18.77.1", "198.18.77.2"  # RFC 2544: reserved for tests between networks


@dataclass
class NamespaceLink:
    """A veth pair into a namespace of its own, shaped in both directions.

    `prefix` runs a command behind the link; `host` is where it reaches this machine, `edge` its own address.
    """

    rate_mbit: float
    name: str = f"slp{os.getpid()}"
    host: str = HOST_ADDRESS
    edge: str = EDGE_ADDRESS
    how: str = "network namespace, veth pair, tc tbf in both directions"

    @property
    def prefix(self) -> list[str]:
        """What to put before a command to run it behind the link."""
        return ["ip", "netns", "exec", self.name]

    def up(self) -> None:
        """Makes namespace and pair, unshaped yet; removes a left-over of the same name first."""
        self.down()
        near, far = f"{self.name}h", f"{self.name}e"
        _ip("netns", "add", self.name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
        _ip("addr", "add", f"{self.host}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", self.name, "addr", "add", f"{self.edge}/30", "dev", far)
        _ip("-n", self.name, "link", "set", far, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def thin(self) -> None:
        """Sets the rate in both directions; until then the link is as fast as the machine."""
        limit = ("root", "tbf", "rate", f"{self.rate_mbit}mbit", "burst", "4kb", "latency", "400ms")
        _run("tc", "qdisc", "replace", "dev", f"{self.name}h", *limit)
        _run("tc", "-n", self.name, "qdisc", "replace", "dev", f"{self.name}e", *limit)

    def down(self) -> None:
        """Removes the namespace and with it the pair and the shaping."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


class Bucket:
    """Token bucket in bytes: `take` waits until the link would have carried them."""

    def __init__(self, rate_mbit: float) -> None:
        self.bytes_per_s, self.free_at = rate_mbit * 1e6 / 8, 0.0

    async def take(self, size: int) -> None:
        """Waits for the time that `size` bytes occupy the link."""
        now = time.monotonic()
        self.free_at = max(self.free_at, now) + size / self.bytes_per_s
        await asyncio.sleep(self.free_at - now)


class RelayLink:
    """TCP relays on loopback whose traffic shares one token bucket a direction; each dials its upstream anew."""

    how = "token-bucket relay in user space (no root: no network namespace)"
    host = "127.0.0.1"
    prefix: list[str] = []  # noqa: RUF012 - nothing goes before a command here, ever

    def __init__(self, rate_mbit: float) -> None:
        self.rate_mbit = rate_mbit
        self.up_bucket, self.down_bucket = Bucket(8_000), Bucket(8_000)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def up(self) -> None:
        """Starts the thread that relays."""
        self.thread.start()

    def thin(self) -> None:
        """Sets the rate in both directions; until then the link is as fast as the machine."""
        for bucket in (self.up_bucket, self.down_bucket):
            bucket.bytes_per_s = self.rate_mbit * 1e6 / 8

    def down(self) -> None:
        """Stops relaying."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=5)

    def relay(self, upstream: Callable[[], tuple[str, int]]) -> int:
        """Opens a relay to wherever `upstream` says at each connection; its port."""
        return asyncio.run_coroutine_threadsafe(self._listen(upstream), self.loop).result(timeout=5)

    async def _listen(self, upstream: Callable[[], tuple[str, int]]) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there = await asyncio.open_connection(*await asyncio.to_thread(upstream))
            except (OSError, LookupError):
                writer.close()
                return
            up = _pump(reader, there[1], self.up_bucket)
            await asyncio.gather(up, _pump(there[0], writer, self.down_bucket))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bucket: Bucket) -> None:
    try:
        while data := await reader.read(1448):
            await bucket.take(len(data))
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def thin_link(rate_mbit: float) -> NamespaceLink | RelayLink:
    """The best link that this machine allows, up and not thin yet: a namespace for root, else the relay."""
    if os.geteuid() == 0 and shutil.which("ip") and shutil.which("tc"):
        link = NamespaceLink(rate_mbit)
        try:
            link.up()
        except subprocess.CalledProcessError:
            link.down()
        else:
            return link
    relay = RelayLink(rate_mbit)
    relay.up()
    return relay
