"""A real `sliceplane-tail` process in front of a fake Triton."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
from grpc import aio
from grpc_health.v1 import health_pb2

from bench.plane import free_port
from tests.fakes.edge_model import Cut
from tests.fakes.edge_triton import FakeTriton

SERVICE = "sliceplane.tail.v1.TailService"
MODEL = "net"


async def until(holds: Callable[[], bool], within_s: float = 10) -> None:
    """Waits until `holds()`."""
    async with asyncio.timeout(within_s):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


@dataclass
class TailProcess:
    """Starts, kills and restarts the tail of `cut` on one port."""

    folder: Path
    cut: Cut
    triton: FakeTriton
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self, *, wait: bool = True) -> TailProcess:
        """Starts it; with `wait`, until it says that it serves."""
        bundle = self.folder / "bundle"
        bundle.write_bytes(self.cut.content)
        with (self.folder / "tail.log").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "node_agent.tail.main", f"--listen={self.address}",
                f"--triton={self.triton.address}", f"--model={MODEL}", f"--bundle={bundle}", *self.flags,
                stdout=out, stderr=out,
            )  # fmt: skip
        if wait:
            await self.reaches(health_pb2.HealthCheckResponse.SERVING)
        return self

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "tail.log").read_text()

    async def reaches(self, status: int, within_s: float = 20) -> None:
        """Waits until its health is `status`."""
        async with asyncio.timeout(within_s), aio.insecure_channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest(service=SERVICE)
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            while True:
                try:
                    if (await check(request, wait_for_ready=True)).status == status:
                        return
                except grpc.RpcError:
                    pass
                await asyncio.sleep(0.05)

    def rss(self) -> int:
        """Its resident memory, bytes."""
        assert self.process
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def kill(self) -> None:
        """kill -9."""
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, then wait; its exit status."""
        assert self.process
        self.process.terminate()
        return await self.process.wait()
