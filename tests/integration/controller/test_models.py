"""ModelService, over gRPC, on Postgres and a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from onnx import TensorProto

from common.errors import InvalidArgument
from protos.sliceplane.model.v1 import model_pb2 as pb
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2
from tests.bundle_files import small_bundle
from tests.integration.controller.conftest import LIMIT, Api, declared, upload
from tests.integration.controller.test_workloads import fails
from tests.onnx_files import identity, sha256


async def test_upload_describes_the_model(api: Api) -> None:
    """An upload answers with what Triton will serve: names, types, shapes, and whether it may batch."""
    content = identity(("n", 3, None), kind=TensorProto.FLOAT16)
    model = await api.push("ocr", content)
    assert (model.digest, model.size_bytes, model.format) == (sha256(content), len(content), pb.MODEL_FORMAT_ONNX)
    assert [(t.name, t.datatype, list(t.shape)) for t in model.inputs] == [("x", "FP16", [-1, 3, -1])]
    assert model.batchable
    assert not (await api.push("fixed", identity((1, 3)))).batchable
    assert (await api.models.GetModel(pb.GetModelRequest(name="ocr"))).model == model


async def test_versions(api: Api) -> None:
    """Each upload is a version, the last one the newest; the same bytes again change nothing."""
    one, two = identity(("n", 1)), identity(("n", 2))
    await api.push("m", one)
    second = await api.push("m", two)
    assert list(second.versions) == [sha256(two), sha256(one)]
    again = await api.models.UploadModel(upload("m", two))
    assert again.already_existed
    assert again.model == second
    back = await api.push("m", one)
    assert list(back.versions) == [sha256(one), sha256(two)]
    listed = await api.models.ListModels(pb.ListModelsRequest())
    assert list(listed.models) == [back]


async def test_download(api: Api) -> None:
    """A version comes back byte by byte, also from an offset, by name or by digest."""
    content = identity() + b""
    await api.push("m", content)
    for request in (pb.DownloadModelRequest(name="m"), pb.DownloadModelRequest(digest=sha256(content))):
        parts = [part async for part in api.models.DownloadModel(request)]
        assert b"".join(part.chunk for part in parts) == content
        assert (parts[0].digest, parts[0].size_bytes) == (sha256(content), len(content))
    resumed = pb.DownloadModelRequest(name="m", offset=10)
    assert b"".join([part.chunk async for part in api.models.DownloadModel(resumed)]) == content[10:]
    at_end = pb.DownloadModelRequest(name="m", offset=len(content))
    assert b"".join([part.chunk async for part in api.models.DownloadModel(at_end)]) == b""


BAD_DOWNLOADS = [
    (pb.DownloadModelRequest(), grpc.StatusCode.INVALID_ARGUMENT),
    (pb.DownloadModelRequest(name="none"), grpc.StatusCode.NOT_FOUND),
    (pb.DownloadModelRequest(digest="sha256:" + "0" * 64), grpc.StatusCode.NOT_FOUND),
    (pb.DownloadModelRequest(digest="../../etc/passwd"), grpc.StatusCode.INVALID_ARGUMENT),
    (pb.DownloadModelRequest(name="m", offset=-1), grpc.StatusCode.INVALID_ARGUMENT),
    (pb.DownloadModelRequest(name="m", offset=1 << 40), grpc.StatusCode.INVALID_ARGUMENT),
]


@pytest.mark.parametrize(("request_", "expected"), BAD_DOWNLOADS, ids=range(len(BAD_DOWNLOADS)))
async def test_bad_downloads(api: Api, request_: pb.DownloadModelRequest, expected: grpc.StatusCode) -> None:
    """What is not there, and what is no digest, is refused."""
    await api.push("m")
    code, _ = await fails(anext(aiter(api.models.DownloadModel(request_))))
    assert code is expected


def _header(**said: Any) -> pb.UploadModelRequest:
    given = {"name": "m", "digest": sha256(b"x"), "size_bytes": 1, **said}
    return pb.UploadModelRequest(header=pb.UploadHeader(**given))


def _bad_uploads() -> dict[str, Iterator[pb.UploadModelRequest]]:
    good = identity()
    return {
        "nothing": iter(()),
        "no header": iter([pb.UploadModelRequest(chunk=b"x")]),
        "two headers": iter([_header(), _header()]),
        "empty message": iter([_header(), pb.UploadModelRequest()]),
        "no name": upload("", good),
        "bad digest form": upload("m", good, digest="md5:abc"),
        "path as digest": upload("m", good, digest="sha256:../../../../tmp/x"),
        "wrong digest": upload("m", good, digest=sha256(b"other")),
        "too short": upload("m", good, size_bytes=len(good) + 1),
        "too long": upload("m", good, size_bytes=len(good) - 1),
        "size 0": upload("m", b""),
        "negative size": upload("m", good, size_bytes=-5),
        "large chunk": upload("m", b"x" * (2 << 20), chunk=2 << 20),
        "no model": upload("m", b"hello, this is text"),
        "truncated": upload("m", good[:-7]),
        "other format": upload("m", good, format=pb.MODEL_FORMAT_BUNDLE),
        "unknown format": upload("m", good, format=77),
        "unservable type": upload("m", identity(kind=TensorProto.COMPLEX64)),
    }


@pytest.mark.parametrize("case", list(_bad_uploads()))
async def test_nothing_is_kept_of_a_bad_upload(api: Api, case: str) -> None:
    """Each way to get an upload wrong is INVALID_ARGUMENT with a field, and leaves neither bytes nor a row."""
    code, error = await fails(api.models.UploadModel(_bad_uploads()[case]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(error, InvalidArgument)
    assert error.violations
    assert api.kept_files() == []
    assert not (await api.models.ListModels(pb.ListModelsRequest())).models


async def test_too_large_is_resource_exhausted(api: Api) -> None:
    """A file above the store's limit is refused by its header, before its bytes."""
    code, _ = await fails(api.models.UploadModel(iter([_header(size_bytes=LIMIT + 1)])))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_cut_off_upload_leaves_nothing(api: Api) -> None:
    """A client that goes away in the middle of an upload leaves no file."""

    async def half() -> Any:
        yield _header(size_bytes=1 << 20, digest=sha256(b"never"))
        yield pb.UploadModelRequest(chunk=b"x" * 1000)
        await asyncio.sleep(60)

    call = api.models.UploadModel(half())
    await _becomes(lambda: len(api.kept_files()) == 1)
    call.cancel()
    await _becomes(lambda: not api.kept_files())


async def _becomes(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not within 5 s")


async def test_same_upload_at_once(api: Api) -> None:
    """The same file from several clients at once is stored once, under each name."""
    content = identity()
    names = ["a", "b", "a", "c"]
    await asyncio.gather(*(api.models.UploadModel(upload(name, content)) for name in names))
    assert len(api.kept_files()) == 1
    listed = await api.models.ListModels(pb.ListModelsRequest())
    assert [(m.name, list(m.versions)) for m in listed.models] == [(n, [sha256(content)]) for n in "abc"]


async def test_delete_keeps_shared_bytes(api: Api) -> None:
    """The bytes go with the last model that has them."""
    content = identity()
    await api.push("a", content)
    await api.push("b", content)
    await api.models.DeleteModel(pb.DeleteModelRequest(name="a", validate_only=True))
    await api.models.DeleteModel(pb.DeleteModelRequest(name="a", request_id="one"))
    await api.models.DeleteModel(pb.DeleteModelRequest(name="a", request_id="one"))
    assert len(api.kept_files()) == 1
    etag = (await api.models.GetModel(pb.GetModelRequest(name="b"))).model.etag
    code, _ = await fails(api.models.DeleteModel(pb.DeleteModelRequest(name="b", etag="stale")))
    assert code is grpc.StatusCode.ABORTED
    await api.models.DeleteModel(pb.DeleteModelRequest(name="b", etag=etag))
    assert api.kept_files() == []
    code, _ = await fails(api.models.DeleteModel(pb.DeleteModelRequest(name="b")))
    assert code is grpc.StatusCode.NOT_FOUND
    await api.models.DeleteModel(pb.DeleteModelRequest(name="b", allow_missing=True))


async def test_bundle(api: Api) -> None:
    """A bundle is told from its content and described by its tail; it may be served as a tail, or whole."""
    model = await api.push("small", small_bundle())
    assert model.format == pb.MODEL_FORMAT_BUNDLE
    assert [(t.name, list(t.shape)) for t in model.inputs] == [("cut", [-1, 3])]
    for name, serve in (("tail", type_pb2.SERVE_KIND_TAIL), ("whole", type_pb2.SERVE_KIND_WHOLE)):
        asked = declared(name, model="small", serve=serve)
        await api.workloads.ApplyWorkload(workload_pb2.ApplyWorkloadRequest(workload=asked))
    stored = (await api.stores.plane.snapshot()).workloads
    assert {w.name: w.spec.serve.value for w in stored} == {"tail": "tail", "whole": "whole"}


BAD_BUNDLES = {
    "truncated": lambda: small_bundle()[:-30],
    "only a zip header": lambda: b"PK\x03\x04" + bytes(100),
    "tail is no model": lambda: small_bundle(tail=b"not a model"),
    "damaged part": lambda: small_bundle().replace(b"Identity", b"Identitz", 1),
}


@pytest.mark.parametrize("case", list(BAD_BUNDLES))
async def test_bad_bundles(api: Api, case: str) -> None:
    """A bundle that is damaged, or whose parts cannot be served, is refused with the reason; nothing is kept."""
    code, error = await fails(api.models.UploadModel(upload("small", BAD_BUNDLES[case]())))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "NOT_SERVABLE"
    assert api.kept_files() == []
