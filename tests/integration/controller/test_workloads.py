"""WorkloadService, over gRPC, on Postgres."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio

from common.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from common.rpc.status import from_rpc_error
from controller.ports import NewEvent
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.profile.v1 import profile_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2 as pb
from tests.integration.controller.conftest import Api, declared, measured
from tests.onnx_files import identity
from tests.plane_values import gpu, node


async def fails(call: Any) -> Any:
    """The error of the closed set that a call ends with, and its code."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    return caught.value.code(), error


async def test_apply_get_list_delete(api: Api) -> None:
    """A workload is created, changed, left alone, read and removed, and says which of these happened."""
    model = await api.push()
    created = await api.apply()
    assert created.outcome == pb.APPLY_OUTCOME_CREATED
    assert (created.workload.generation, created.workload.status.target) == (1, "xds:///cat")
    assert created.workload.status.model_digest == model.digest
    assert (await api.apply()).outcome == pb.APPLY_OUTCOME_UNCHANGED
    updated = await api.apply(rate=20)
    assert (updated.outcome, updated.workload.generation) == (pb.APPLY_OUTCOME_UPDATED, 2)
    assert updated.workload.uid == created.workload.uid
    read = (await api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat"))).workload
    assert read == updated.workload
    listed = await api.workloads.ListWorkloads(pb.ListWorkloadsRequest())
    assert (list(listed.workloads), listed.next_page_token) == ([read], "")
    await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat"))
    code, error = await fails(api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat")))
    assert code is grpc.StatusCode.NOT_FOUND
    assert isinstance(error, NotFound)
    assert (error.kind, error.name) == ("workload", "cat")


async def test_what_a_workload_asks_beside_its_rate_is_kept(api: Api) -> None:
    """Priority, hosts, memory and exclusiveness are read as they were sent, and a change of one is an update."""
    await api.push()
    spec: dict[str, Any] = {"priority": 7, "replicas": pb.Replicas(min_hosts=2), "memory_mb": 1500.5, "exclusive": True}
    sent = declared(**spec)
    await api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=sent))
    read = (await api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat"))).workload
    for field, value in spec.items():
        assert getattr(read.spec, field) == value
    sent.spec.replicas.min_hosts = 3
    changed = await api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=sent))
    assert (changed.outcome, changed.workload.spec.replicas.min_hosts) == (pb.APPLY_OUTCOME_UPDATED, 3)


async def test_labels_alone_are_no_new_generation(api: Api) -> None:
    """Labels change the etag, not the generation: nothing is planned anew for them."""
    await api.push()
    before = (await api.apply()).workload
    labelled = declared()
    labelled.labels["team"] = "vision"
    after = await api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=labelled))
    assert (after.outcome, after.workload.generation) == (pb.APPLY_OUTCOME_UPDATED, 1)
    assert after.workload.etag != before.etag
    assert dict(after.workload.labels) == {"team": "vision"}


async def test_re_apply_serves_the_newest_version(api: Api) -> None:
    """An unpinned workload moves to a new version of its model when it is applied again, a pinned one does not."""
    old = await api.push()
    await api.apply("pinned")
    pinned = declared("pinned", model_digest=old.digest)
    await api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=pinned))
    await api.apply("free")
    new = await api.push(content=identity(("n", 4)))
    again = await api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=pinned))
    assert (again.outcome, again.workload.status.model_digest) == (pb.APPLY_OUTCOME_UNCHANGED, old.digest)
    free = await api.apply("free")
    assert (free.outcome, free.workload.status.model_digest) == (pb.APPLY_OUTCOME_UPDATED, new.digest)
    assert free.workload.generation == 2


BAD = [
    ({"name": ""}, "workload.name"),
    ({"name": "Bad_Name"}, "workload.name"),
    ({"name": "a" * 64}, "workload.name"),
    ({"name": "nul\0"}, "workload.name"),
    ({"rate": 0}, "workload.spec.rate"),
    ({"rate": -1}, "workload.spec.rate"),
    ({"rate": math.nan}, "workload.spec.rate"),
    ({"rate": math.inf}, "workload.spec.rate"),
    ({"slo_ms": 0}, "workload.spec.slo_ms"),
    ({"slo_ms": -math.inf}, "workload.spec.slo_ms"),
    ({"model": ""}, "workload.spec.model"),
    ({"model": "../etc"}, "workload.spec.model"),
    ({"model_digest": "sha256:ABC"}, "workload.spec.model_digest"),
    ({"serve": 99}, "workload.spec.serve"),
    ({"max_processes": 4_294_967_295}, "workload.spec.max_processes"),
    ({"priority": 1001}, "workload.spec.priority"),
    ({"replicas": pb.Replicas(min_hosts=1001)}, "workload.spec.replicas.min_hosts"),
    ({"memory_mb": -1}, "workload.spec.memory_mb"),
    ({"memory_mb": math.nan}, "workload.spec.memory_mb"),
    ({"memory_mb": math.inf}, "workload.spec.memory_mb"),
    ({"profile": "no such name"}, "workload.spec.profile"),
]


@pytest.mark.parametrize(("change", "field"), BAD, ids=[f"{field}-{i}" for i, (_, field) in enumerate(BAD)])
async def test_bad_fields_are_named(api: Api, change: dict[str, Any], field: str) -> None:
    """Every bad field is INVALID_ARGUMENT with its path, and nothing is stored."""
    bad = declared(change.pop("name", "cat"), **change)
    code, error = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=bad)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(error, InvalidArgument)
    assert [violation.field for violation in error.violations] == [field]
    assert not (await api.workloads.ListWorkloads(pb.ListWorkloadsRequest())).workloads


async def test_every_bad_field_is_named_at_once(api: Api) -> None:
    """An empty request names all that is missing."""
    _, error = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest()))
    fields = [violation.field for violation in error.violations]
    assert fields == ["workload.name", "workload.spec.model", "workload.spec.rate", "workload.spec.slo_ms"]


async def test_hostile_labels_and_ids(api: Api) -> None:
    """Control characters and endless text in labels, etags and request ids are refused."""
    await api.push()
    for change in ({"labels": {"a": "x\0"}}, {"labels": {"": "x"}}, {"labels": {"a": "x" * 300}}, {"etag": "\0"}):
        bad = declared()
        bad.MergeFrom(pb.Workload(**change))
        code, _ = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=bad)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    code, error = await fails(api.apply(request_id="x" * 200))
    assert error.violations[0].field == "request_id"


async def test_unknown_model_and_version(api: Api) -> None:
    """A workload of a model, or of a version, that nobody pushed is NOT_FOUND and says which."""
    _, error = await fails(api.apply())
    assert isinstance(error, NotFound)
    assert (error.kind, error.name) == ("model", "resnet50")
    await api.push()
    unknown = declared(model_digest="sha256:" + "0" * 64)
    _, error = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=unknown)))
    assert isinstance(error, NotFound)
    assert error.kind == "model version"


async def test_tail_needs_a_bundle(api: Api) -> None:
    """A TAIL of a plain ONNX model is refused, with the way out."""
    await api.push()
    tail = declared(serve=type_pb2.SERVE_KIND_TAIL)
    _, error = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=tail)))
    assert isinstance(error, InvalidArgument)
    assert error.violations[0].field == "workload.spec.serve"
    assert "bundle" in error.message


async def test_stale_etag_is_aborted(api: Api) -> None:
    """Of two operators who read the same etag one wins, the other is told to read again; so is a late deleter."""
    await api.push()
    etag = (await api.apply()).workload.etag

    def change(rate: float) -> Any:
        asked = declared(rate=rate)
        asked.etag = etag
        return api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=asked))

    results = await asyncio.gather(*(change(rate) for rate in (20, 30, 40)), return_exceptions=True)
    failed = [r for r in results if isinstance(r, aio.AioRpcError)]
    assert [r.code() for r in failed] == [grpc.StatusCode.ABORTED] * 2
    assert from_rpc_error(failed[0]).reason == "STALE_ETAG"
    assert (await api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat"))).workload.generation == 2
    code, _ = await fails(api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat", etag=etag)))
    assert code is grpc.StatusCode.ABORTED


async def test_etag_of_what_does_not_exist(api: Api) -> None:
    """An apply that expects a certain workload does not create another one."""
    await api.push()
    asked = declared()
    asked.etag = "0123456789abcdef"
    code, _ = await fails(api.workloads.ApplyWorkload(pb.ApplyWorkloadRequest(workload=asked)))
    assert code is grpc.StatusCode.ABORTED


async def test_same_request_id_twice_at_once(api: Api) -> None:
    """Many calls with one request id, at once, have one effect and one answer (scenario 19)."""
    await api.push()
    key = str(uuid.uuid4())
    answers = await asyncio.gather(*(api.apply(request_id=key) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].outcome == pb.APPLY_OUTCOME_CREATED
    await api.apply(rate=99)
    assert await api.apply(request_id=key) == answers[0]
    assert (await api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat"))).workload.spec.rate == 99


async def test_same_request_id_for_something_else(api: Api) -> None:
    """A request id that was used for a different request is INVALID_ARGUMENT, whatever the method."""
    await api.push()
    await api.apply(request_id="one")
    _, error = await fails(api.apply(rate=11, request_id="one"))
    assert error.violations[0].field == "request_id"
    _, error = await fails(api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat", request_id="one")))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_delete_repeats(api: Api) -> None:
    """A repeated delete succeeds by its request id or by allow_missing, and is NOT_FOUND otherwise."""
    await api.push()
    await api.apply()
    for _ in range(2):
        await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat", request_id="gone"))
    await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat", allow_missing=True))
    code, _ = await fails(api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat")))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_validate_only_stores_nothing_and_shows_the_plan(api: Api) -> None:
    """Validating answers with the would-be workload and its segments, and leaves no trace."""
    await api.push()
    await api.profiles.ImportProfile(pb_profile())
    await api.stores.plane.node_hello(node())
    await api.stores.plane.node_observed(node(), [gpu()], [])
    before = await api.stores.plane.snapshot()
    events = len((await api.stores.events.list(0, "", "", "")).items)
    answer = await api.apply(validate_only=True, request_id="dry")
    assert answer.outcome == pb.APPLY_OUTCOME_CREATED
    assert len(answer.plan_preview) == 1
    assert answer.plan_preview[0].startswith("host-a/0 start")
    assert answer.workload.status.planned_throughput >= 10
    assert await api.stores.plane.snapshot() == before
    assert len((await api.stores.events.list(0, "", "", "")).items) == events
    assert (await api.apply(rate=5, request_id="dry")).outcome == pb.APPLY_OUTCOME_CREATED
    await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="cat", validate_only=True))
    assert (await api.workloads.GetWorkload(pb.GetWorkloadRequest(name="cat"))).workload.name == "cat"


async def test_validate_only_says_why_not(api: Api) -> None:
    """A workload that could not be planned validates, with the named reason in its status."""
    await api.push()
    answer = await api.apply(validate_only=True)
    condition = answer.workload.status.conditions[0]
    assert (condition.type, condition.status) == ("Planned", type_pb2.CONDITION_STATUS_FALSE)
    assert (condition.reason, list(answer.plan_preview)) == ("NO_PROFILE", [])


def pb_profile() -> Any:
    """An import of a small profile."""
    return profile_pb2.ImportProfileRequest(profile=measured())


async def test_pages(api: Api) -> None:
    """Pages follow each other by name, whatever changes meanwhile; a foreign or bad token is INVALID_ARGUMENT."""
    await api.push()
    for name in ("d", "b", "a", "c"):
        await api.apply(name)
    first = await api.workloads.ListWorkloads(pb.ListWorkloadsRequest(page_size=3))
    await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="c"))
    second = await api.workloads.ListWorkloads(pb.ListWorkloadsRequest(page_size=3, page_token=first.next_page_token))
    assert [[w.name for w in page.workloads] for page in (first, second)] == [["a", "b", "c"], ["d"]]
    assert (second.next_page_token, second.revision) == ("", first.revision)
    for token in ("nonsense", "e30=", first.next_page_token[:-4], "W1tdLFtdLDBd", "\u00e4"):
        _, error = await fails(api.workloads.ListWorkloads(pb.ListWorkloadsRequest(page_token=token)))
        assert error.violations[0].field == "page_token"
    _, error = await fails(api.workloads.ListWorkloads(pb.ListWorkloadsRequest(page_size=-1)))
    assert error.violations[0].field == "page_size"


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    """The next responses of a stream."""
    async with asyncio.timeout(10):
        return [await anext(stream) for _ in range(count)]


async def test_watch_sends_what_is_then_what_changes(api: Api) -> None:
    """A new watch gets every workload, a bookmark, then each change and each deletion, in order."""
    await api.push()
    await api.apply("a")
    stream = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest()))
    first, bookmark = await take(stream, 2)
    assert (first.type, first.workload.name) == (type_pb2.CHANGE_TYPE_UPDATED, "a")
    assert bookmark.type == type_pb2.CHANGE_TYPE_BOOKMARK
    await api.apply("b")
    await api.apply("a", rate=20)
    await api.workloads.DeleteWorkload(pb.DeleteWorkloadRequest(name="b"))
    changes = await take(stream, 3)
    assert [(c.workload.name, c.type) for c in changes] == [
        ("b", type_pb2.CHANGE_TYPE_UPDATED),
        ("a", type_pb2.CHANGE_TYPE_UPDATED),
        ("b", type_pb2.CHANGE_TYPE_DELETED),
    ]
    assert sorted({c.revision for c in changes}) == [c.revision for c in changes]


async def test_watch_resumes_without_loss(api: Api) -> None:
    """A watch that resumes from a list's revision gets what came since, once; by name only that one."""
    await api.push()
    await api.apply("a")
    revision = (await api.workloads.ListWorkloads(pb.ListWorkloadsRequest())).revision
    await api.apply("b")
    await api.apply("c")
    resumed = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest(resume_revision=revision)))
    assert [c.workload.name for c in await take(resumed, 2)] == ["b", "c"]
    named = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest(resume_revision=revision, name="c")))
    assert [c.workload.name for c in await take(named, 1)] == ["c"]


async def test_concurrent_writers_lose_no_event(api: Api) -> None:
    """Revisions are committed in their order: a watch sees every one of many concurrent writes."""
    await api.push()
    stream = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest()))
    await take(stream, 1)
    names = [f"w{i:02}" for i in range(30)]
    await asyncio.gather(*(api.apply(name) for name in names))
    changes = await take(stream, 30)
    assert sorted(c.workload.name for c in changes) == names
    assert [c.revision for c in changes] == sorted(c.revision for c in changes)


async def test_compacted_revision_is_out_of_range(api: Api) -> None:
    """Resuming from a revision that is no longer kept, or not yet reached, says: list again (scenario 11)."""
    await api.push()
    await api.apply("a")
    old = (await api.workloads.ListWorkloads(pb.ListWorkloadsRequest())).revision
    api.stores.workloads._database.keep = 4
    for rate in range(20, 32):
        await api.apply("a", rate=rate)
    for revision in (old, 1 << 40):
        stream = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest(resume_revision=revision)))
        code, error = await fails(anext(stream))
        assert code is grpc.StatusCode.OUT_OF_RANGE
        assert isinstance(error, OutOfRange)
    listed = await api.workloads.ListWorkloads(pb.ListWorkloadsRequest())
    again = aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest(resume_revision=listed.revision)))
    await api.apply("a", rate=99)
    assert [c.workload.spec.rate for c in await take(again, 1)] == [99]


async def test_stop_ends_a_hundred_watches_at_once(api: Api) -> None:
    """A server with 100 open watches stops well within its grace; each watch is told to resume (scenario 13)."""
    streams = [aiter(api.workloads.WatchWorkloads(pb.WatchWorkloadsRequest())) for _ in range(100)]
    await asyncio.gather(*(take(stream, 1) for stream in streams))
    waiting = [asyncio.create_task(fails(anext(stream))) for stream in streams]
    await asyncio.sleep(0)
    began = time.monotonic()
    await api.server.stop(10)
    assert time.monotonic() - began < 5
    assert {code for code, _ in await asyncio.gather(*waiting)} == {grpc.StatusCode.UNAVAILABLE}


async def test_model_in_use_cannot_be_deleted(api: Api) -> None:
    """A model stays while a workload names it, and the refusal names the workload."""
    await api.push()
    await api.apply()
    code, error = await fails(api.models.DeleteModel(model_pb2.DeleteModelRequest(name="resnet50")))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert isinstance(error, FailedPrecondition)
    assert error.subject == "workload/cat"


async def test_changes_are_told_as_events(api: Api) -> None:
    """Applying and deleting leave events for people."""
    await api.push()
    await api.apply()
    await api.stores.events.record(NewEvent("workload", "cat", "Planned", "1 segment"))
    page = await api.stores.events.list(0, "", "workload", "cat")
    assert [event.reason for event in page.items] == ["Applied", "Planned"]
