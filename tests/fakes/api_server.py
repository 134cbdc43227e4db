"""A fake of the public API: real gRPC on loopback, state in memory, the errors of the closed set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from common.errors import InvalidArgument, NotFound, OutOfRange, SliceplaneError, Violation
from common.rpc.status import trailing
from protos.sliceplane.event.v1 import event_pb2, event_pb2_grpc
from protos.sliceplane.fleet.v1 import fleet_pb2, fleet_pb2_grpc
from protos.sliceplane.model.v1 import model_pb2, model_pb2_grpc
from protos.sliceplane.plan.v1 import plan_pb2, plan_pb2_grpc
from protos.sliceplane.profile.v1 import profile_pb2, profile_pb2_grpc
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2, workload_pb2_grpc
from tests.fakes.api_state import ApiState

TICK_S = 0.05


class FakeApi:
    """Every service's handlers over one state; unary ones answer a repeated request id as the first time."""

    def __init__(self, state: ApiState) -> None:
        self.state = state

    def page(self, request: Any, items: Sequence[Any]) -> tuple[Sequence[Any], str]:
        """Pages of at most two, so that every list in a test is read in several."""
        first = int(request.page_token or 0)
        size = min(request.page_size or 100, 2)
        return items[first : first + size], str(first + size) if first + size < len(items) else ""

    # workloads
    def ApplyWorkload(self, request: Any) -> Any:
        return self.state.apply(request)

    def GetWorkload(self, request: Any) -> Any:
        return workload_pb2.GetWorkloadResponse(workload=self._found("workload", self.state.workloads, request.name))

    def ListWorkloads(self, request: Any) -> Any:
        items, token = self.page(request, [self.state.workloads[name] for name in sorted(self.state.workloads)])
        return workload_pb2.ListWorkloadsResponse(workloads=items, next_page_token=token, revision=self.state.revision)

    def DeleteWorkload(self, request: Any) -> Any:
        if request.name not in self.state.workloads and request.allow_missing:
            return workload_pb2.DeleteWorkloadResponse()
        self._found("workload", self.state.workloads, request.name)
        if not request.validate_only:
            self.state.drop(request.name)
        return workload_pb2.DeleteWorkloadResponse()

    def WatchWorkloads(self, request: Any, alive: Callable[[], bool]) -> Iterator[Any]:
        state, revision = self.state, request.resume_revision
        if revision and revision < state.kept_from:
            raise OutOfRange(f"revision {revision} is no longer kept: list again")
        if not revision:
            for one in list(state.workloads.values()):
                yield workload_pb2.WatchWorkloadsResponse(type=type_pb2.CHANGE_TYPE_UPDATED, workload=one, revision=1)
            revision = state.revision
            yield workload_pb2.WatchWorkloadsResponse(type=type_pb2.CHANGE_TYPE_BOOKMARK, revision=revision)
        while alive():
            for change in [one for one in state.changes if one.revision > revision]:
                revision = change.revision
                yield change
            state.seen("WatchWorkloads/tick", None)
            with state.changed:
                state.changed.wait(TICK_S)

    # models
    def UploadModel(self, requests: Iterator[Any]) -> Any:
        header = next(requests).header
        chunks = [one.chunk for one in requests]
        content = b"".join(chunks)
        self.state.requests["UploadModel/chunks"].append([len(chunk) for chunk in chunks])
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if digest != header.digest or len(content) != header.size_bytes:
            raise InvalidArgument(Violation("header.digest", "the bytes are not what the header says"))
        existed = digest in self.state.files
        self.state.files[digest] = content
        model = model_pb2.Model(name=header.name, digest=digest, size_bytes=len(content), versions=[digest])
        self.state.models[header.name] = model
        return model_pb2.UploadModelResponse(model=model, already_existed=existed)

    def DownloadModel(self, request: Any, _alive: Callable[[], bool]) -> Iterator[Any]:
        digest = request.digest or self._found("model", self.state.models, request.name).digest
        content = self.state.files[digest]
        for at in range(0, len(content), 1 << 20):
            yield model_pb2.DownloadModelResponse(
                chunk=content[at : at + (1 << 20)], digest=digest, size_bytes=len(content)
            )

    def GetModel(self, request: Any) -> Any:
        return model_pb2.GetModelResponse(model=self._found("model", self.state.models, request.name))

    def ListModels(self, request: Any) -> Any:
        items, token = self.page(request, [self.state.models[name] for name in sorted(self.state.models)])
        return model_pb2.ListModelsResponse(models=items, next_page_token=token)

    # profiles
    def ImportProfile(self, request: Any) -> Any:
        if not request.validate_only:
            self.state.profiles[request.profile.name] = request.profile
        stored = profile_pb2.Profile(name=request.profile.name, point_count=len(request.profile.points))
        return profile_pb2.ImportProfileResponse(profile=stored)

    def GetProfile(self, request: Any) -> Any:
        return profile_pb2.GetProfileResponse(profile=self._found("profile", self.state.profiles, request.name))

    def ListProfiles(self, request: Any) -> Any:
        items, token = self.page(request, [self.state.profiles[name] for name in sorted(self.state.profiles)])
        return profile_pb2.ListProfilesResponse(profiles=items, next_page_token=token)

    # fleet
    def ListNodes(self, request: Any) -> Any:
        items, token = self.page(request, list(self.state.nodes.values()))
        return fleet_pb2.ListNodesResponse(nodes=items, next_page_token=token)

    def ListGpus(self, request: Any) -> Any:
        items, token = self.page(request, [one for one in self.state.gpus if request.node in ("", one.node)])
        return fleet_pb2.ListGpusResponse(gpus=items, next_page_token=token)

    def ListSegments(self, request: Any) -> Any:
        wanted = (request.workload, request.node)
        its = [
            one
            for one in self.state.segments.values()
            if wanted[0] in ("", one.workload, *(tenant.workload for tenant in one.tenants))
            and wanted[1] in ("", one.node)
        ]
        items, token = self.page(request, its)
        return fleet_pb2.ListSegmentsResponse(segments=items, next_page_token=token)

    def ListDevices(self, request: Any) -> Any:
        items, token = self.page(request, list(self.state.devices.values()))
        return fleet_pb2.ListDevicesResponse(devices=items, next_page_token=token)

    def DeleteNode(self, request: Any) -> Any:
        self._found("node", self.state.nodes, request.name)
        del self.state.nodes[request.name]
        return fleet_pb2.DeleteNodeResponse()

    def CordonGpu(self, request: Any) -> Any:
        return fleet_pb2.CordonGpuResponse(gpu=self._gpu(request.uuid, cordoned=True))

    def UncordonGpu(self, request: Any) -> Any:
        return fleet_pb2.UncordonGpuResponse(gpu=self._gpu(request.uuid, cordoned=False))

    def _gpu(self, uuid: str, *, cordoned: bool) -> fleet_pb2.Gpu:
        for gpu in self.state.gpus:
            if gpu.uuid == uuid:
                gpu.cordoned = cordoned
                return gpu
        raise NotFound("gpu", uuid)

    def PinSegment(self, request: Any) -> Any:
        return fleet_pb2.PinSegmentResponse(segment=self._segment(request.id, pinned=True))

    def UnpinSegment(self, request: Any) -> Any:
        return fleet_pb2.UnpinSegmentResponse(segment=self._segment(request.id, pinned=False))

    def _segment(self, name: str, *, pinned: bool) -> fleet_pb2.Segment:
        self._found("segment", self.state.segments, name)
        self.state.segments[name].pinned = pinned
        return self.state.segments[name]

    # plans and events
    def GetPlan(self, request: Any) -> Any:
        for one in self.state.plans:
            if request.id in (0, one.id):
                return plan_pb2.GetPlanResponse(plan=one)
        raise NotFound("plan", str(request.id))

    def ListPlans(self, request: Any) -> Any:
        items, token = self.page(request, self.state.plans)
        return plan_pb2.ListPlansResponse(plans=items, next_page_token=token)

    def PreviewPlan(self, _request: Any) -> Any:
        return plan_pb2.PreviewPlanResponse(plan=self.state.preview)

    def ListEvents(self, request: Any) -> Any:
        its = [
            one
            for one in self.state.events
            if request.subject in ("", one.subject) and request.subject_kind in ("", one.subject_kind)
        ]
        items, token = self.page(request, its)
        return event_pb2.ListEventsResponse(events=items, next_page_token=token, revision=self.state.revision)

    def WatchEvents(self, request: Any, alive: Callable[[], bool]) -> Iterator[Any]:
        state, revision = self.state, request.resume_revision
        if revision < state.kept_from:
            raise OutOfRange(f"revision {revision} is no longer kept")
        while alive():
            for event in [one for one in state.events if one.revision > revision]:
                revision = event.revision
                yield event_pb2.WatchEventsResponse(event=event)
            state.seen("WatchEvents/tick", None)
            with state.changed:
                state.changed.wait(TICK_S)

    def _found(self, kind: str, kept: dict[str, Any], name: str) -> Any:
        if name not in kept:
            raise NotFound(kind, name)
        return kept[name]


class _Servicer:
    """One generated service's methods, answered by a FakeApi."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api

    def __getattr__(self, rpc: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        api, handler = self._api, getattr(self._api, rpc, None)
        if handler is None:
            return _unimplemented

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            with _errors(context):
                api.state.seen(rpc, request)
                request_id = getattr(request, "request_id", "")
                if request_id not in api.state.answers:
                    answer = handler(request)
                    if not request_id or getattr(request, "validate_only", False):
                        return answer
                    api.state.answers[request_id] = answer
                return api.state.answers[request_id]

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with _errors(context):
                api.state.seen(rpc, request)
                yield from handler(request, context.is_active)

        return stream if rpc.startswith(("Watch", "Download")) else unary


@contextmanager
def _errors(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except SliceplaneError as error:
        code, details, metadata = trailing(error)
        context.set_trailing_metadata(metadata)
        context.abort(code, details)


@contextmanager
def serving(state: ApiState, address: str = "127.0.0.1:0") -> Iterator[str]:
    """A server of the fake; yields its "host:port"."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    servicer: Any = _Servicer(FakeApi(state))
    for register in (
        workload_pb2_grpc.add_WorkloadServiceServicer_to_server,
        model_pb2_grpc.add_ModelServiceServicer_to_server,
        profile_pb2_grpc.add_ProfileServiceServicer_to_server,
        fleet_pb2_grpc.add_FleetServiceServicer_to_server,
        plan_pb2_grpc.add_PlanServiceServicer_to_server,
        event_pb2_grpc.add_EventServiceServicer_to_server,
    ):
        register(servicer, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def _unimplemented(_request: Any, context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "the fake has none of it")
