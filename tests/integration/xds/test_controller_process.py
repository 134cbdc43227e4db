"""The real controller process on a real Postgres, a host that obeys it, and clients under load."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc import aio

from common.rpc.channel import aio_channel
from protos.sliceplane.fleet.v1 import fleet_pb2, fleet_pb2_grpc
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc
from protos.sliceplane.profile.v1 import profile_pb2, profile_pb2_grpc
from protos.sliceplane.workload.v1 import workload_pb2, workload_pb2_grpc
from tests.integration.xds.host import EchoHost
from tests.integration.xds.plane import Client
from tests.onnx_files import identity, sha256
from tests.strategies_reconcile import profile

# It changes segments with every rate: what is tried here.
PAPER = ("--algorithm", "parvagpu", "--slo-model", "half")


class Process:
    """A controller that can be killed and started again on its ports; `how` it plans."""

    def __init__(self, database: str, folder: Path, *how: str) -> None:
        self._database, self._folder, self._how = database, folder, how
        self.ports: dict[str, int] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it serves."""
        file = self._folder / "ports.json"
        file.unlink(missing_ok=True)
        api, xds, http = (f"127.0.0.1:{self.ports.get(name, 0)}" for name in ("api", "xds", "http"))
        addresses = ("--listen", api, "--xds-listen", xds, "--http-listen", http)
        common = ("--state-dir", str(self._folder), "--database-url", self._database, "--port-file", str(file))
        arguments = ("-m", "controller.main", *addresses, *common, *self._how, "--drain-seconds", "1")
        self._process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        async with asyncio.timeout(30):
            while not file.exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
        self.ports = json.loads(file.read_text())

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Sends a signal and waits until it is gone."""
        assert self._process is not None
        self._process.send_signal(how)
        await asyncio.wait_for(self._process.wait(), 20)

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"127.0.0.1:{self.ports['api']}"


class Operator:
    """What a person does."""

    def __init__(self, channel: aio.Channel) -> None:
        self._fleet: Any = fleet_pb2_grpc.FleetServiceStub(channel)
        self._models: Any = model_pb2_grpc.ModelServiceStub(channel)
        self._profiles: Any = profile_pb2_grpc.ProfileServiceStub(channel)
        self._workloads: Any = workload_pb2_grpc.WorkloadServiceStub(channel)

    async def prepare(self) -> None:
        """Pushes model "small" and its profile: large instances are the better deal, so that sizes get mixed."""
        await self._models.UploadModel(_upload("small", identity()))
        points = [
            profile_pb2.ProfilePoint(
                size=p.size,
                batch=p.batch,
                processes=p.processes,
                throughput=p.throughput * p.size**0.2,
                latency_ms=p.latency_ms,
            )
            for p in profile("small", 50.0).points
        ]
        given = profile_pb2.Profile(name="small", points=points)
        await self._profiles.ImportProfile(profile_pb2.ImportProfileRequest(profile=given))

    async def apply(self, rate: float, slo_ms: float = 100.0, name: str = "echo") -> None:
        """Applies a workload."""
        spec = workload_pb2.WorkloadSpec(model="small", rate=rate, slo_ms=slo_ms)
        asked = workload_pb2.Workload(name=name, spec=spec)
        await self._workloads.ApplyWorkload(workload_pb2.ApplyWorkloadRequest(workload=asked))

    async def shares(self) -> dict[str, float]:
        """Each segment's part of the planned throughput."""
        listed = await self.segments("echo")
        total = sum(segment.throughput for segment in listed)
        return {segment.id: segment.throughput / total for segment in listed}

    async def segments(self, name: str) -> list[fleet_pb2.Segment]:
        """Those that serve a workload."""
        return list((await self._fleet.ListSegments(fleet_pb2.ListSegmentsRequest(workload=name))).segments)

    async def ready(self, name: str = "echo") -> workload_pb2.WorkloadStatus:
        """Returns once the workload is ready as applied last."""
        async with asyncio.timeout(20):
            while True:
                got = (await self._workloads.GetWorkload(workload_pb2.GetWorkloadRequest(name=name))).workload
                holds = {condition.type: condition.status for condition in got.status.conditions}
                if got.status.observed_generation == got.generation and holds.get("Ready") == 1:
                    return got.status  # type: ignore[no-any-return]
                await asyncio.sleep(0.1)


def _upload(name: str, content: bytes) -> Iterator[model_pb2.UploadModelRequest]:
    header = model_pb2.UploadHeader(name=name, digest=sha256(content), size_bytes=len(content))
    yield model_pb2.UploadModelRequest(header=header)
    yield model_pb2.UploadModelRequest(chunk=content)


@pytest.fixture
async def controller(database: str, tmp_path: Path) -> AsyncIterator[Process]:
    """A running controller."""
    process = Process(database, tmp_path, *PAPER)
    await process.start()
    yield process
    await process.end()


@pytest.fixture
async def host(controller: Process) -> AsyncIterator[EchoHost]:
    """A host of two GPUs."""
    async with EchoHost(controller.api) as started:
        yield started


async def test_load_is_spread_as_planned(controller: Process, host: EchoHost) -> None:
    """2,000 calls of an unmodified client reach every segment within five points of its planned share."""
    async with aio_channel(controller.api) as channel:
        operator = Operator(channel)
        await operator.prepare()
        await operator.apply(1200)
        status = await operator.ready()
        assert status.planned_segments == len(host.running) > 1
        planned = await operator.shares()
    client = await Client.start(controller.ports["xds"], 2000)
    answers, errors = await client.result()
    assert not errors
    assert planned.keys() == host.running.keys()
    assert len({round(share, 3) for share in planned.values()}) > 1, "shares that differ, or the test shows little"
    for segment, share in planned.items():
        assert answers.get(segment, 0) / 2000 == pytest.approx(share, abs=0.05)


async def test_replans_cost_no_call(controller: Process, host: EchoHost) -> None:
    """Under load the rate grows, shrinks and the SLO changes: segments come and go, and no call fails."""
    async with aio_channel(controller.api) as channel:
        operator = Operator(channel)
        await operator.prepare()
        await operator.apply(60)
        await operator.ready()
        client = await Client.start(controller.ports["xds"])
        await client.answered()
        seen = set(host.running)
        for rate, slo_ms in ((300.0, 100.0), (120.0, 20.0), (60.0, 400.0)):
            await operator.apply(rate, slo_ms)
            await operator.ready()
            await client.answered(but=seen)
            await asyncio.sleep(1.5)  # what was replaced drains, and is stopped
            seen |= host.running.keys()
        answers, errors = await client.result()
    assert not errors
    assert len(answers) > 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_restart_interrupts_no_call(controller: Process, host: EchoHost, how: signal.Signals) -> None:
    """A controller that is killed or stopped under load, and started again, costs no call and then works on."""
    async with aio_channel(controller.api) as channel:
        operator = Operator(channel)
        await operator.prepare()
        await operator.apply(60)
        await operator.ready()
    before = set(host.running)
    client = await Client.start(controller.ports["xds"])
    await client.answered()
    dialled = host.dialled
    await controller.end(how)
    await asyncio.sleep(1)
    await controller.start()
    async with asyncio.timeout(10):
        while host.dialled == dialled:  # noqa: ASYNC110 - the host is a bystander here
            await asyncio.sleep(0.05)
    assert set(host.running) == before
    async with aio_channel(controller.api) as channel:
        operator = Operator(channel)
        await operator.apply(300)
        await operator.ready()
    await client.answered(but=before)  # it follows the plan that was made after the restart
    answers, errors = await client.result()
    assert not errors
    assert answers.keys() & before


async def test_sharing_a_segment_and_leaving_it_costs_no_call(database: str, tmp_path: Path) -> None:
    """Two light workloads come to share a segment, until one asks for more: both are answered all the time."""
    process = Process(database, tmp_path, "--share-segments")
    await process.start()
    async with EchoHost(process.api) as host, aio_channel(process.api) as channel:
        operator = Operator(channel)
        await operator.prepare()
        await operator.apply(5, name="cat")
        await operator.ready("cat")
        alone = set(host.running)
        cat = await Client.start(process.ports["xds"], target="xds:///cat")
        await cat.answered(*alone)
        await operator.apply(5, name="dog")
        await operator.ready("dog")
        dog = await Client.start(process.ports["xds"], target="xds:///dog")
        await cat.answered(but=alone)
        (group,) = [one for one in host.desired if one.tenants]
        assert [(one.workload, one.model_digest) for one in group.tenants] == [
            (name, sha256(identity())) for name in ("cat", "dog")
        ]
        assert (group.model_digest, group.processes, group.max_queue_delay_us) == ("", 1, 0)
        await dog.answered(group.id)
        await operator.apply(150, name="dog")
        await operator.ready("dog")
        await dog.answered(but={group.id})
        assert {one.id for one in await operator.segments("dog")} != {group.id}
        await asyncio.sleep(1.5)  # what was replaced drains, and is stopped
        assert [errors for _, errors in (await cat.result(), await dog.result())] == [{}, {}]
    await process.end()
