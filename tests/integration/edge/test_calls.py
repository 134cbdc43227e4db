"""The agent's own gRPC service on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from edge_agent import wire
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc
from tests.fakes.edge_model import Cut, Floats, frames
from tests.fakes.edge_run import address, running, settings
from tests.fakes.edge_tail import TailProcess
from tests.fakes.edge_triton import FakeTriton

FOREVER = Duration(seconds=3600)


def request(x: Floats, frame_id: str = "f", deadline: Duration | None = None) -> edge_pb2.InferRequest:
    return edge_pb2.InferRequest(inputs=wire.messages({"x": x}), frame_id=frame_id, deadline=deadline)


@pytest.fixture
async def stub(tmp_path: Path, tail: TailProcess, small: Cut) -> AsyncIterator[edge_pb2_grpc.EdgeServiceAsyncStub]:
    """The service of an agent with a window of 2."""
    listen = address()
    async with (
        running(settings(tmp_path, small, tail=tail.address, listen=listen, input_dir=None, window=2)),
        aio.insecure_channel(listen) as channel,
    ):
        async with asyncio.timeout(10):
            await channel.channel_ready()
            await asyncio.sleep(0.3)
            yield edge_pb2_grpc.EdgeServiceStub(channel)


async def test_answers_calls(stub: edge_pb2_grpc.EdgeServiceAsyncStub, small: Cut) -> None:
    """A call is answered by the split with everything that it cost."""
    (x,) = frames(1)
    response = await stub.Infer(request(x, "frame 7"), wait_for_ready=True)
    assert (response.answered_by, response.frame_id, response.level) == (edge_pb2.ANSWERER_SPLIT, "frame 7", "raw")
    np.testing.assert_allclose(np.asarray(wire.array(response.outputs[0]), np.float32), small.expected(x), rtol=1e-5)
    assert response.timing.total_ms > response.timing.tail_ms > 0
    assert response.timing.activation_bytes == 4 * 8 * 16 * 16 + 36


async def test_full_window_is_exhausted(stub: edge_pb2_grpc.EdgeServiceAsyncStub, triton: FakeTriton) -> None:
    """A call beyond the window is refused at once."""
    (x,) = frames(1)
    await stub.Infer(request(x), wait_for_ready=True)
    triton.delay_s = 1.0
    calls = [asyncio.ensure_future(stub.Infer(request(x, deadline=FOREVER))) for _ in range(3)]
    done, pending = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    (refused,) = done
    error = refused.exception()
    assert isinstance(error, aio.AioRpcError)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await asyncio.gather(*pending)


async def test_bad_requests_name_the_field(stub: edge_pb2_grpc.EdgeServiceAsyncStub) -> None:
    """Wrong inputs are INVALID_ARGUMENT and say which."""
    (x,) = frames(1)
    bad = {
        "missing": edge_pb2.InferRequest(),
        "no input": edge_pb2.InferRequest(inputs=wire.messages({"y": x})),
        "shape": request(np.zeros((1, 3, 4, 4), np.float32)),
        "float64": edge_pb2.InferRequest(inputs=wire.messages({"x": x.astype(np.float64)})),
        "deadline": request(x, deadline=Duration(seconds=-1)),
        "datatype": edge_pb2.InferRequest(inputs=[edge_pb2.NamedTensor(name="x", datatype="BYTES")]),
        "bytes": edge_pb2.InferRequest(inputs=[edge_pb2.NamedTensor(name="x", datatype="FP32", shape=[2])]),
        "twice": edge_pb2.InferRequest(inputs=wire.messages({"x": x}) * 2),
    }
    for words, wrong in bad.items():
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Infer(wrong, wait_for_ready=True)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert words in str(caught.value.details())


async def test_streams_answer_in_order(
    stub: edge_pb2_grpc.EdgeServiceAsyncStub, small: Cut, triton: FakeTriton
) -> None:
    """A stream longer than the window is answered whole and in order; a bad frame fails alone."""
    inputs = frames(20)

    async def requests() -> AsyncIterator[edge_pb2.InferStreamRequest]:
        for number, x in enumerate(inputs):
            frame = edge_pb2.InferRequest(frame_id="5") if number == 5 else request(x, str(number))
            yield edge_pb2.InferStreamRequest(frame=frame)

    found = [answer async for answer in stub.InferStream(requests(), wait_for_ready=True)]
    assert [answer.frame_id for answer in found] == [str(n) for n in range(20)]
    for number, (answer, x) in enumerate(zip(found, inputs, strict=True)):
        if number == 5:
            assert "missing" in answer.error
            continue
        scores = np.asarray(wire.array(answer.answer.outputs[0]), np.float32)
        np.testing.assert_allclose(scores, small.expected(x), rtol=1e-5)


async def test_abandoned_streams_leave_the_window_free(
    stub: edge_pb2_grpc.EdgeServiceAsyncStub, triton: FakeTriton
) -> None:
    """When a caller goes away in the middle, its frames' room is free again."""
    (x,) = frames(1)
    triton.delay_s = 1.0
    for _ in range(3):
        call = stub.InferStream(wait_for_ready=True)
        for _ in range(2):
            await call.write(edge_pb2.InferStreamRequest(frame=request(x, deadline=FOREVER)))
        await asyncio.sleep(0.1)
        call.cancel()
    triton.delay_s = 0.0
    await asyncio.sleep(0.1)
    answers = await asyncio.gather(*(stub.Infer(request(x)) for _ in range(2)))
    assert all(answer.outputs for answer in answers)


async def test_a_stream_with_the_newest_first(
    tmp_path: Path, tail: TailProcess, triton: FakeTriton, small: Cut
) -> None:
    """While one frame is under way the next ones of its stream are skipped but for the last; answers are in order."""
    listen = address()
    triton.delay_s = 0.5
    flags = settings(
        tmp_path, small, tail=tail.address, listen=listen, input_dir=None, policy="newest", window=1, mode="split",
        deadline_ms=20_000,
    )  # fmt: skip
    async with running(flags), aio.insecure_channel(listen) as channel:
        stub = edge_pb2_grpc.EdgeServiceStub(channel)
        await channel.channel_ready()
        await asyncio.sleep(1.0)  # the bundle loads, the stream opens

        async def sent() -> AsyncIterator[edge_pb2.InferStreamRequest]:
            for number, x in enumerate(frames(5)):
                yield edge_pb2.InferStreamRequest(frame=request(x, str(number)))
                await asyncio.sleep(0.05)

        found = [one async for one in stub.InferStream(sent())]
    assert [one.frame_id for one in found] == list("01234")
    assert [one.skipped for one in found] == [False, True, True, True, False]
    assert {one.error for one in found if one.skipped} == {"skipped: a newer frame of its source was there"}
