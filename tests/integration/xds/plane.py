"""Echo servers that say who they are, an xDS server to announce them, and clients in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from common.rpc import server as rpc
from common.xds_bootstrap import bootstrap_json
from controller.model import Endpoint, Segment, State
from controller.ports import Snapshot
from controller.xds.server import Xds
from tests.fakes.plane import empty_snapshot
from tests.integration.xds.client import METHOD
from tests.strategies_reconcile import digest, workload

CLIENT = Path(__file__).with_name("client.py")


class Echo:
    """A server that answers every call with its name."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, 0
        self._server: Any = aio.server(options=(("grpc.so_reuseport", 0),))

    async def start(self) -> Echo:
        """Answers from now on."""
        handler: Any = grpc.unary_unary_rpc_method_handler(self._say)
        service, method = METHOD.strip("/").split("/")
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return self

    async def stop(self, grace_s: float | None = None) -> None:
        """None: at once, as if killed."""
        await self._server.stop(grace_s)

    async def _say(self, _request: bytes, _context: Any) -> bytes:
        return self.name.encode()


class Announcer:
    """An xDS server that can be restarted on its port."""

    def __init__(self) -> None:
        self.port = 0
        self.server: rpc.Server
        self.xds: Xds

    async def start(self, snapshot: Snapshot | None) -> Announcer:
        """Serves; says nothing until something is published."""
        self.server = rpc.build([f"127.0.0.1:{self.port}"])
        self.port = self.server.ports[0]
        self.xds = Xds(self.server.closing)
        self.xds.register(self.server)
        await self.server.start()
        if snapshot is not None:
            await self.xds.publish(snapshot)
        return self

    async def stop(self) -> None:
        """Ends."""
        await self.server.stop(1)


def announced(weights: Mapping[str, float], ports: Mapping[str, list[int]], name: str = "echo") -> Snapshot:
    """A snapshot in which a workload has a ready segment of each throughput, answering at these ports."""
    segments = tuple(_segment(name, each, weights[each], ports[each]) for each in weights)
    state = empty_snapshot()
    return Snapshot(state.basis, (workload(name, 1.0),), (), (), (), segments)


def _segment(workload_name: str, name: str, throughput: float, ports: list[int]) -> Segment:
    return Segment(
        id=name,
        workload=workload_name,
        node="n0",
        gpu_uuid="GPU-0",
        gpu_index=0,
        start=0,
        gpcs=1,
        memory_slices=1,
        profile="1g.10gb",
        batch=1,
        processes=max(1, len(ports)),
        throughput=throughput,
        latency_ms=1.0,
        model_digest=digest(1),
        state=State.READY,
        endpoints=tuple(Endpoint("127.0.0.1", port, ready=True) for port in ports),
    )


class Client:
    """A client process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: set[str] = set()

    @classmethod
    async def start(cls, xds_port: int, calls: int = 0, target: str = "xds:///echo") -> Client:
        """Starts calling: so many times, or until `result` is asked for."""
        environment = dict(os.environ) | {
            "GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap_json(f"127.0.0.1:{xds_port}", "test-client")
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(CLIENT), target, str(calls), env=environment, stdin=pipe, stdout=pipe
        )
        return cls(process)

    async def answered(self, *by: str, but: Iterable[str] = ()) -> None:
        """Returns once it was answered by all of these, and by one that is not among `but`."""
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while not (self.seen >= set(by) and self.seen - set(but)):
                line = await self._process.stdout.readline()
                assert line, "the client ended"
                self.seen.add(line.decode().strip())

    async def result(self) -> tuple[dict[str, int], dict[str, int]]:
        """Calls by who answered, and errors; ends the calls of a client without a number of them."""
        out, _ = await asyncio.wait_for(self._process.communicate(b""), 60)
        said = json.loads(out.splitlines()[-1])
        return said["answers"], said["errors"]
