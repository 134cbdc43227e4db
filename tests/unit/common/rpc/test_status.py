"""The closed set of errors crosses the wire whole."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import wrappers_pb2
from grpc import aio

from common import errors
from common.errors import SliceplaneError, Violation
from common.rpc.channel import aio_channel
from common.rpc.server import build
from common.rpc.status import CODES, from_rpc_error

SAMPLES: list[SliceplaneError] = [
    errors.InvalidArgument(Violation("workload.spec.rate", "must be above 0, got -1"), reason="BAD_FIELD"),
    errors.NotFound("model", "resnet"),
    errors.StaleEtag("workload", "a", given="1", current="2"),
    errors.Conflict("again"),
    errors.FailedPrecondition("workloads/a", "still named", reason="IN_USE"),
    errors.ResourceExhausted("too large"),
    errors.OutOfRange("compacted"),
    errors.Unavailable("not leading"),
    errors.DeadlineExceeded("late"),
    errors.Internal("ours"),
]
METHOD = "/test.Raise/"


def _subclasses(kind: type[SliceplaneError]) -> set[type[SliceplaneError]]:
    return {kind, *(deep for sub in kind.__subclasses__() for deep in _subclasses(sub))}


def test_table_is_whole() -> None:
    """Every error of the closed set has a gRPC code, and every code a sample here."""
    closed = {kind for kind in _subclasses(SliceplaneError) if kind.__module__ == "common.errors"}
    assert set(CODES) == closed - {SliceplaneError}
    assert {type(sample) for sample in SAMPLES} == set(CODES)


class _Raises(grpc.GenericRpcHandler):
    """Raises the sample that the request names by number: unary at /One, after one answer at /Many."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        codec: dict[str, Any] = {
            "request_deserializer": wrappers_pb2.Int32Value.FromString,
            "response_serializer": wrappers_pb2.Int32Value.SerializeToString,
        }

        async def one(request: wrappers_pb2.Int32Value, _context: object) -> wrappers_pb2.Int32Value:
            raise SAMPLES[request.value] if request.value >= 0 else ZeroDivisionError("a bug")

        async def many(request: wrappers_pb2.Int32Value, _context: object) -> AsyncIterator[wrappers_pb2.Int32Value]:
            yield request
            raise SAMPLES[request.value]

        if handler_call_details.method == METHOD + "One":
            return grpc.unary_unary_rpc_method_handler(one, **codec)
        if handler_call_details.method == METHOD + "Many":
            return grpc.unary_stream_rpc_method_handler(many, **codec)
        return None


@pytest.fixture
async def channel() -> AsyncIterator[aio.Channel]:
    """A channel to an in-process server that raises what it is asked to."""
    server = build(["127.0.0.1:0"])
    server.raw.add_generic_rpc_handlers((_Raises(),))
    await server.start()
    async with aio_channel(f"127.0.0.1:{server.ports[0]}") as channel:
        yield channel
    await server.stop(0)


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=lambda n: type(SAMPLES[n]).__name__)
async def test_error_arrives_as_it_left(channel: aio.Channel, number: int) -> None:
    """Code, message, reason and field paths of an error are the same on both sides of a call."""
    call: Any = channel.unary_unary(METHOD + "One", wrappers_pb2.Int32Value.SerializeToString)
    with pytest.raises(aio.AioRpcError) as caught:
        await call(wrappers_pb2.Int32Value(value=number))
    sent, got = SAMPLES[number], from_rpc_error(caught.value)
    assert (got.message, got.reason) == (sent.message, sent.reason)
    assert isinstance(got, errors.Conflict if isinstance(sent, errors.StaleEtag) else type(sent))
    if isinstance(sent, errors.InvalidArgument):
        assert isinstance(got, errors.InvalidArgument)
        assert got.violations == sent.violations


async def test_error_ends_a_stream_after_its_answers(channel: aio.Channel) -> None:
    """A stream that fails midway delivers what came before, then the error."""
    call: Any = channel.unary_stream(METHOD + "Many", wrappers_pb2.Int32Value.SerializeToString)
    answers = call(wrappers_pb2.Int32Value(value=1))
    assert await answers.read() is not aio.EOF
    with pytest.raises(aio.AioRpcError) as caught:
        await answers.read()
    assert isinstance(from_rpc_error(caught.value), errors.NotFound)


async def test_a_bug_is_internal_and_keeps_its_secret(channel: aio.Channel) -> None:
    """An exception outside the closed set reaches the client as INTERNAL without its text."""
    call: Any = channel.unary_unary(METHOD + "One", wrappers_pb2.Int32Value.SerializeToString)
    with pytest.raises(aio.AioRpcError) as caught:
        await call(wrappers_pb2.Int32Value(value=-1))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "a bug" not in str(caught.value.details())
