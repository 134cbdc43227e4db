"""The public API on a real Postgres, in this process, behind a real gRPC channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from grpc import aio

from common.rpc import server as rpc
from common.rpc.channel import aio_channel
from controller import reconcile
from controller.api.register import register_api
from controller.artifacts.store import FileArtifacts
from controller.main import services
from controller.stores import Stores
from protos.sliceplane.event.v1.event_pb2_grpc import EventServiceStub
from protos.sliceplane.fleet.v1.fleet_pb2_grpc import FleetServiceStub
from protos.sliceplane.model.v1 import model_pb2 as models
from protos.sliceplane.model.v1.model_pb2_grpc import ModelServiceStub
from protos.sliceplane.plan.v1.plan_pb2_grpc import PlanServiceStub
from protos.sliceplane.profile.v1 import profile_pb2 as profiles
from protos.sliceplane.profile.v1.profile_pb2_grpc import ProfileServiceStub
from protos.sliceplane.workload.v1 import workload_pb2 as workloads
from protos.sliceplane.workload.v1.workload_pb2_grpc import WorkloadServiceStub
from tests.onnx_files import identity, sha256

LIMIT = 4 << 20


@dataclass
class Api:
    """A client of every service, and what stands behind it."""

    channel: aio.Channel
    server: rpc.Server
    stores: Stores
    folder: Path

    def __post_init__(self) -> None:
        self.workloads = WorkloadServiceStub(self.channel)
        self.models = ModelServiceStub(self.channel)
        self.profiles = ProfileServiceStub(self.channel)
        self.fleet = FleetServiceStub(self.channel)
        self.plans = PlanServiceStub(self.channel)
        self.events = EventServiceStub(self.channel)

    async def push(self, name: str = "resnet50", content: bytes | None = None) -> models.Model:
        """Uploads a model; by default one that returns its input."""
        content = identity() if content is None else content
        response = await self.models.UploadModel(upload(name, content))
        return response.model

    async def apply(self, name: str = "cat", *, rate: float = 10, **more: object) -> workloads.ApplyWorkloadResponse:
        """Applies a workload of model resnet50."""
        return await self.workloads.ApplyWorkload(
            workloads.ApplyWorkloadRequest(workload=declared(name, rate=rate), **more)  # type: ignore[arg-type]
        )

    def kept_files(self) -> list[str]:
        """What lies in the model store, staging included."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


def declared(name: str = "cat", *, rate: float = 10, slo_ms: float = 50, **spec: object) -> workloads.Workload:
    """A workload of model resnet50."""
    given = {"model": "resnet50", "rate": rate, "slo_ms": slo_ms, **spec}
    return workloads.Workload(name=name, spec=workloads.WorkloadSpec(**given))  # type: ignore[arg-type]


def upload(name: str, content: bytes, *, chunk: int = 1 << 16, **header: object) -> Iterator[models.UploadModelRequest]:
    """The messages of an upload; `header` overrides what it announces."""
    said = {"name": name, "digest": sha256(content), "size_bytes": len(content), **header}
    yield models.UploadModelRequest(header=models.UploadHeader(**said))  # type: ignore[arg-type]
    for start in range(0, len(content), chunk):
        yield models.UploadModelRequest(chunk=content[start : start + chunk])


def measured(name: str = "resnet50") -> profiles.Profile:
    """A profile of three points."""
    points = [
        profiles.ProfilePoint(size=size, batch=4, processes=1, throughput=100.0 * size, latency_ms=12.0 / size)
        for size in (1, 3, 7)
    ]
    return profiles.Profile(name=name, points=points)


@pytest.fixture
async def api(stores: Stores, tmp_path: Path) -> AsyncIterator[Api]:
    """The public API, serving."""
    artifacts = FileArtifacts((tmp_path / "models").as_uri(), limit_bytes=LIMIT)
    await artifacts.prepare()
    server = rpc.build(["127.0.0.1:0"])
    register_api(server, services(stores, artifacts, reconcile.Options()))
    await server.start()
    async with aio_channel(f"127.0.0.1:{server.ports[0]}") as channel:
        yield Api(channel, server, stores, tmp_path / "models")
    await server.stop(0)
