"""ProfileService, FleetService, PlanService and EventService, over gRPC, on Postgres; health and reflection."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from common.errors import FailedPrecondition
from controller.model import Condition, Device, Plan, State
from controller.ports import Decision, NewEvent, Transition
from controller.tenants import Tenant
from protos.sliceplane.event.v1 import event_pb2 as events
from protos.sliceplane.fleet.v1 import fleet_pb2 as fleet
from protos.sliceplane.plan.v1 import plan_pb2 as plans
from protos.sliceplane.profile.v1 import profile_pb2 as pb
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from tests.integration.controller.conftest import Api, declared, measured
from tests.integration.controller.test_workloads import fails, take
from tests.plane_values import gpu, node, segment


async def test_profile_round_trip(api: Api) -> None:
    """A profile is stored with its points in order, replaced as a whole, and listed without points unless asked."""
    stored = (await api.profiles.ImportProfile(pb.ImportProfileRequest(profile=measured()))).profile
    assert (stored.point_count, len(stored.points), stored.gpu_product) == (3, 0, "A100-SXM4-80GB")
    read = (await api.profiles.GetProfile(pb.GetProfileRequest(name="resnet50"))).profile
    assert [point.size for point in read.points] == [1, 3, 7]
    smaller = measured()
    del smaller.points[1:]
    assert (await api.profiles.ImportProfile(pb.ImportProfileRequest(profile=smaller))).profile.point_count == 1
    bare = (await api.profiles.ListProfiles(pb.ListProfilesRequest())).profiles
    full = (await api.profiles.ListProfiles(pb.ListProfilesRequest(with_points=True))).profiles
    assert [len(p.points) for p in (*bare, *full)] == [0, 1]


BAD_POINTS = [
    ({"size": 5}, "size"),
    ({"size": 0}, "size"),
    ({"batch": 0}, "batch"),
    ({"processes": 0}, "processes"),
    ({"processes": 1000}, "processes"),
    ({"throughput": math.nan}, "throughput"),
    ({"throughput": -1}, "throughput"),
    ({"latency_ms": math.inf}, "latency_ms"),
]


@pytest.mark.parametrize(
    ("change", "field"), BAD_POINTS, ids=[field + str(i) for i, (_, field) in enumerate(BAD_POINTS)]
)
async def test_bad_points_are_named(api: Api, change: dict[str, Any], field: str) -> None:
    """A bad point is INVALID_ARGUMENT with its index, and the profile that was there stays."""
    await api.profiles.ImportProfile(pb.ImportProfileRequest(profile=measured()))
    bad = measured()
    for name, value in change.items():
        setattr(bad.points[2], name, value)
    _, error = await fails(api.profiles.ImportProfile(pb.ImportProfileRequest(profile=bad)))
    assert [violation.field for violation in error.violations] == [f"profile.points[2].{field}"]
    kept = (await api.profiles.GetProfile(pb.GetProfileRequest(name="resnet50"))).profile
    assert kept.point_count == 3


async def test_profile_without_or_with_double_points(api: Api) -> None:
    """A profile needs points, and each but once."""
    _, error = await fails(api.profiles.ImportProfile(pb.ImportProfileRequest(profile=pb.Profile(name="x"))))
    assert error.violations[0].field == "profile.points"
    double = measured()
    double.points.append(double.points[0])
    _, error = await fails(api.profiles.ImportProfile(pb.ImportProfileRequest(profile=double)))
    assert error.violations[0].field == "profile.points[3]"


async def test_profile_guards(api: Api) -> None:
    """A profile that a workload plans with stays; etag, request id and validate_only hold as everywhere."""
    await api.push()
    await api.profiles.ImportProfile(pb.ImportProfileRequest(profile=measured(), validate_only=True))
    code, _ = await fails(api.profiles.GetProfile(pb.GetProfileRequest(name="resnet50")))
    assert code is grpc.StatusCode.NOT_FOUND
    once = pb.ImportProfileRequest(profile=measured(), request_id="p")
    answers = await asyncio.gather(*(api.profiles.ImportProfile(once) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    await api.apply()
    code, error = await fails(api.profiles.DeleteProfile(pb.DeleteProfileRequest(name="resnet50")))
    assert (code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_IN_USE")
    await api.workloads.DeleteWorkload(_gone("cat"))
    code, _ = await fails(api.profiles.DeleteProfile(pb.DeleteProfileRequest(name="resnet50", etag="stale")))
    assert code is grpc.StatusCode.ABORTED
    await api.profiles.DeleteProfile(pb.DeleteProfileRequest(name="resnet50"))
    await api.profiles.DeleteProfile(pb.DeleteProfileRequest(name="resnet50", allow_missing=True))


def _gone(name: str) -> Any:
    return workload_pb2.DeleteWorkloadRequest(name=name)


async def _host(api: Api) -> None:
    """One host of two GPUs, one with MIG off, that carries a segment of workload cat."""
    await api.push()
    await api.apply()
    await api.stores.leader.hold()
    off = replace(gpu("GPU-1", index=1), mig_enabled=False)
    said = (Condition("ResetRequired", True, "MIG_PENDING", "reset GPU 1"),)
    await api.stores.plane.node_hello(node())
    await api.stores.plane.node_observed(node(conditions=said, driver_version="570"), [gpu(), off], [])
    await _commit(api, Decision(create=(segment(),)))


async def _commit(api: Api, decision: Decision) -> None:
    basis = (await api.stores.plane.snapshot()).basis
    await api.stores.plane.commit(decision, basis=basis, epoch=api.stores.leader.epoch)


async def test_fleet_is_read(api: Api) -> None:
    """Hosts, GPUs and segments are listed with what the agents said; filters select."""
    await _host(api)
    found = (await api.fleet.ListNodes(fleet.ListNodesRequest())).nodes[0]
    assert (found.name, found.connected, found.gpu_count, found.driver_version) == ("host-a", True, 2, "570")
    assert found.conditions[0].status == type_pb2.CONDITION_STATUS_TRUE
    gpus = (await api.fleet.ListGpus(fleet.ListGpusRequest(node="host-a"))).gpus
    assert [(g.index, g.schedulable) for g in gpus] == [(0, True), (1, False)]
    assert "nvidia-smi" in gpus[1].unschedulable_reason
    listed = await api.fleet.ListSegments(fleet.ListSegmentsRequest(workload="cat", node="host-a"))
    assert [(s.id, s.state) for s in listed.segments] == [("seg-1", type_pb2.SEGMENT_STATE_PLANNED)]
    assert not (await api.fleet.ListSegments(fleet.ListSegmentsRequest(workload="dog"))).segments
    _, error = await fails(api.fleet.ListSegments(fleet.ListSegmentsRequest(workload="\0")))
    assert error.violations[0].field == "workload"


async def test_segments_are_watched(api: Api) -> None:
    """A watch of segments sends what is, a bookmark, each change of state, and the end."""
    await _host(api)
    stream = aiter(api.fleet.WatchSegments(fleet.WatchSegmentsRequest(workload="cat")))
    assert [c.type for c in await take(stream, 2)] == [type_pb2.CHANGE_TYPE_UPDATED, type_pb2.CHANGE_TYPE_BOOKMARK]
    await _commit(api, Decision(transitions=(Transition("seg-1", State.REMOVING, "surplus"),)))
    await api.stores.plane.node_observed(node(), [gpu()], [])
    await _commit(api, Decision(forget=("seg-1",)))
    changes = await take(stream, 3)
    assert [c.segment.state for c in changes] == [type_pb2.SEGMENT_STATE_REMOVING] * 3
    assert changes[-1].type == type_pb2.CHANGE_TYPE_DELETED


async def test_node_is_forgotten_only_when_away(api: Api) -> None:
    """A connected host cannot be forgotten; one that is gone goes with its GPUs and segments."""
    await _host(api)
    code, _ = await fails(api.fleet.DeleteNode(fleet.DeleteNodeRequest(name="host-a")))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    await api.stores.plane.node_gone("host-a")
    for _ in range(2):
        await api.fleet.DeleteNode(fleet.DeleteNodeRequest(name="host-a", request_id="n"))
    now = await api.stores.plane.snapshot()
    assert (now.nodes, now.gpus, now.segments) == ((), (), ())
    code, _ = await fails(api.fleet.DeleteNode(fleet.DeleteNodeRequest(name="host-a")))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_a_device_that_refuses_a_bundle(api: Api) -> None:
    """Its row says which and why, until it reports that it refuses none; the event is there once, over reconnects."""
    plane, device = api.stores.plane, Device("gate", "cat", True, None, "1.0")
    refusing = replace(device, refused_bundle_digest="sha256:ab", refusal="head and tail differ", frames_skipped=3)
    for _ in range(2):
        await plane.device_hello(device)
        await plane.device_report(refusing)
        await plane.device_report(replace(refusing, refusal="said in other words"))
    found = (await api.fleet.ListDevices(fleet.ListDevicesRequest())).devices[0]
    assert (found.refused_bundle_digest, found.refusal) == ("sha256:ab", "said in other words")
    assert found.frames_skipped == 3
    page = await api.stores.events.list(100, "", "device", "gate")
    (event,) = page.items
    assert (event.warning, event.reason, event.message) == (True, "BundleRefused", "sha256:ab: head and tail differ")
    await plane.device_report(device)
    assert not (await api.fleet.ListDevices(fleet.ListDevicesRequest())).devices[0].refusal
    await plane.device_report(refusing)
    assert len((await api.stores.events.list(100, "", "device", "gate")).items) == 2


async def test_devices(api: Api) -> None:
    """A device says hello, reports, goes, and can be forgotten then."""
    device = Device("gate", "cat", True, None, "1.0")
    await api.stores.plane.device_hello(device)
    await api.stores.plane.device_report(replace(device, frames_split=7, level="q4-rans", latency_p50_ms=3.5))
    found = (await api.fleet.ListDevices(fleet.ListDevicesRequest())).devices[0]
    assert (found.frames_split, found.level, found.latency_p50_ms, found.workload) == (7, "q4-rans", 3.5, "cat")
    code, _ = await fails(api.fleet.DeleteDevice(fleet.DeleteDeviceRequest(name="gate")))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    await api.stores.plane.device_gone("gate")
    await api.fleet.DeleteDevice(fleet.DeleteDeviceRequest(name="gate"))
    assert not (await api.fleet.ListDevices(fleet.ListDevicesRequest())).devices


async def test_two_agents_of_one_gpu(api: Api) -> None:
    """A second host that claims a connected host's GPU is refused, and what is stored stays."""
    await _host(api)
    await api.stores.plane.node_hello(node("host-b"))
    with pytest.raises(FailedPrecondition, match="two agents"):
        await api.stores.plane.node_observed(node("host-b"), [gpu(host="host-b")], [])
    await api.stores.plane.node_gone("host-a")
    await api.stores.plane.node_observed(node("host-b"), [replace(gpu("GPU-9"), node="host-b")], [])
    gpus = (await api.fleet.ListGpus(fleet.ListGpusRequest())).gpus
    assert [(g.uuid, g.node) for g in gpus] == [("GPU-0", "host-a"), ("GPU-1", "host-a"), ("GPU-9", "host-b")]


async def test_plans(api: Api) -> None:
    """A preview plans the live fleet without storing; stored plans are listed newest first and read by number."""
    await _host(api)
    await api.profiles.ImportProfile(pb.ImportProfileRequest(profile=measured()))
    code, _ = await fails(api.plans.GetPlan(plans.GetPlanRequest()))
    assert code is grpc.StatusCode.NOT_FOUND
    asked = plans.PreviewPlanRequest(workloads=[declared("dog", rate=150), declared("cow", rate=1, slo_ms=0.001)])
    preview = (await api.plans.PreviewPlan(asked)).plan
    assert {s.workload for s in preview.segments} == {"cat", "dog"}
    assert [(s.workload, s.reason) for s in preview.shortfalls] == [("cow", "SLO_UNREACHABLE")]
    assert preview.lower_bound >= 1
    gone = (await api.plans.PreviewPlan(plans.PreviewPlanRequest(deleted=["cat"]))).plan
    assert [s.action for s in gone.segments] == [plans.PLAN_ACTION_REMOVE]
    assert not (await api.plans.ListPlans(plans.ListPlansRequest())).plans
    for _ in range(3):
        await _commit(api, Decision(plan=Plan(0, None, "parvagpu", 0, 0, 0, (), (), "again"), inputs="k"))
    first = await api.plans.ListPlans(plans.ListPlansRequest(page_size=2))
    rest = await api.plans.ListPlans(plans.ListPlansRequest(page_size=2, page_token=first.next_page_token))
    assert [[p.id for p in page.plans] for page in (first, rest)] == [[3, 2], [1]]
    assert (await api.plans.GetPlan(plans.GetPlanRequest(id=2))).plan.id == 2
    assert (await api.plans.GetPlan(plans.GetPlanRequest())).plan.id == 3
    bad = plans.PreviewPlanRequest(workloads=[declared("ok"), declared("bad", rate=-1)])
    _, error = await fails(api.plans.PreviewPlan(bad))
    assert error.violations[0].field == "workloads[1].spec.rate"


async def test_events(api: Api) -> None:
    """Events are listed oldest first in pages, filtered, and streamed as they happen or from a revision."""
    stream = aiter(api.events.WatchEvents(events.WatchEventsRequest(subject="dog")))
    following = asyncio.create_task(take(stream, 1))
    await asyncio.sleep(0.2)
    for subject in ("cat", "dog", "cow"):
        await api.stores.events.record(NewEvent("workload", subject, "Applied", "new", warning=subject == "dog"))
    seen = (await following)[0].event
    assert (seen.subject, seen.severity) == ("dog", events.SEVERITY_WARNING)
    page = await api.events.ListEvents(events.ListEventsRequest(page_size=2))
    rest = await api.events.ListEvents(events.ListEventsRequest(page_size=2, page_token=page.next_page_token))
    assert [e.subject for e in (*page.events, *rest.events)] == ["cat", "dog", "cow"]
    only = await api.events.ListEvents(events.ListEventsRequest(subject="cow", subject_kind="workload"))
    assert [e.subject for e in only.events] == ["cow"]
    other = events.ListEventsRequest(page_token=page.next_page_token, subject="cow")
    _, error = await fails(api.events.ListEvents(other))
    assert error.violations[0].field == "page_token"
    resume = events.WatchEventsRequest(resume_revision=page.events[0].revision)
    resumed = aiter(api.events.WatchEvents(resume))
    assert [r.event.subject for r in await take(resumed, 2)] == ["dog", "cow"]
    _, error = await fails(anext(aiter(api.events.WatchEvents(events.WatchEventsRequest(resume_revision=-1)))))
    assert error.violations[0].field == "resume_revision"


async def test_health_and_reflection(api: Api) -> None:
    """Every service is SERVING, and reflection lists them."""
    health: Any = health_pb2_grpc.HealthStub(api.channel)
    services = [s for s in api.server.services if s.startswith("sliceplane.")]
    assert len(services) == 6
    for name in ("", *services):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    channel: Any = api.channel
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    listed = await anext(aiter(reflection.ServerReflectionInfo(asked)))
    assert set(services) <= {service.name for service in listed.list_services_response.service}


async def test_segments_of_a_workload_are_its_shared_ones_too(api: Api) -> None:
    """Lists and watches filtered by a workload hold what it shares with others, and nothing else."""
    plane = api.stores.plane
    await plane.node_hello(node())
    await plane.node_observed(node(), [gpu()], [])
    tenants = (Tenant("cat", "", 1, 1, 1.0, 5.0), Tenant("dog", "", 1, 64, 1.0, 5.0))
    shared = replace(segment("seg-2", start=1), workload="shared-1", model_digest="", tenants=tenants)
    await api.stores.leader.hold()
    snapshot = await plane.snapshot()
    decision = Decision(create=(segment("seg-1"), shared))
    await plane.commit(decision, basis=snapshot.basis, epoch=api.stores.leader.epoch)
    for name, ids in {"cat": ["seg-1", "seg-2"], "dog": ["seg-2"], "shared-1": ["seg-2"], "do": []}.items():
        found = (await api.fleet.ListSegments(fleet.ListSegmentsRequest(workload=name))).segments
        assert [one.id for one in found] == ids
        watched = await take(aiter(api.fleet.WatchSegments(fleet.WatchSegmentsRequest(workload=name))), len(ids) + 1)
        assert [one.segment.id for one in watched] == [*ids, ""]
