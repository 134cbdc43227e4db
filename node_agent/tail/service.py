"""TailService: messages in, messages out; what a stream does with them is in stream.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import structlog
from grpc import aio

from common.errors import DeadlineExceeded, ResourceExhausted, SliceplaneError, Unavailable
from node_agent.tail.admit import Gate
from node_agent.tail.model import Arrival, Contract
from node_agent.tail.stream import Answer, Parts, Stream
from protos.sliceplane.tail.v1 import tail_pb2, tail_pb2_grpc

SERVICE = "sliceplane.tail.v1.TailService"
log = structlog.get_logger("tail")


class TailService(tail_pb2_grpc.TailServiceServicer):
    """Serves one cut; `closing` ends every stream after the answers that are under way."""

    def __init__(self, contract: Contract, parts: Parts, closing: asyncio.Event) -> None:
        self._contract = contract
        self._parts = parts
        self._closing = closing

    async def Infer(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[tail_pb2.Activation], context: aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tail_pb2.Prediction]:
        """Answers the activations of one edge session."""
        parts = self._parts
        if parts.open >= parts.limits.streams:
            raise ResourceExhausted(f"this tail serves at most {parts.limits.streams} streams at once; try another")
        await context.send_initial_metadata(())  # tells the peer at once that somebody listens
        parts.open += 1
        parts.metrics.streams.inc()
        try:
            arrivals = _arrivals(request_iterator, self._closing)
            async with aclosing(Stream(Gate(self._contract), parts).run(arrivals)) as answers:
                async for answer in answers:
                    yield _prediction(answer)
        except SliceplaneError as error:
            self._note(error, context.peer())
            raise
        finally:
            parts.open -= 1
            parts.metrics.streams.dec()

    def _note(self, error: SliceplaneError, peer: str) -> None:
        self._parts.metrics.refused.labels(error.reason).inc()
        if not isinstance(error, Unavailable):
            log.warning("stream ended", peer=peer, reason=error.reason, message=error.message)


async def _arrivals(requests: AsyncIterator[tail_pb2.Activation], closing: asyncio.Event) -> AsyncIterator[Arrival]:
    """The messages as values; raises Unavailable when this process is to stop."""
    stop = asyncio.ensure_future(closing.wait())
    read: asyncio.Future[tail_pb2.Activation | None] | None = None
    try:
        while True:
            read = asyncio.ensure_future(_next(requests))
            await asyncio.wait({read, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not read.done():
                raise Unavailable("this tail stops; connect again", reason="DRAINING")
            message = read.result()
            if message is None:
                return
            yield _arrival(message)
    finally:
        stop.cancel()
        if read:
            read.cancel()


async def _next(requests: AsyncIterator[tail_pb2.Activation]) -> tail_pb2.Activation | None:
    return await anext(requests, None)


def _arrival(message: tail_pb2.Activation) -> Arrival:
    return Arrival(
        message.sequence,
        message.bundle_digest,
        message.cut_id,
        message.codec,
        tuple(message.shape),
        message.deadline_ms,
        message.payload,
    )


def _prediction(answer: Answer) -> tail_pb2.Prediction:
    outputs = [
        tail_pb2.OutputTensor(name=o.name, datatype=o.datatype, shape=o.shape, content=o.content)
        for o in answer.outputs
    ]
    return tail_pb2.Prediction(
        sequence=answer.sequence,
        outputs=outputs,
        error=_error(answer.error),
        error_message=answer.error.message if answer.error else "",
        tail_ms=answer.tail_ms,
        decode_ms=answer.decode_ms,
    )


def _error(error: SliceplaneError | None) -> tail_pb2.FrameError.ValueType:
    if error is None:
        return tail_pb2.FRAME_ERROR_UNSPECIFIED
    if isinstance(error, DeadlineExceeded):
        return tail_pb2.FRAME_ERROR_DEADLINE_EXCEEDED
    return tail_pb2.FRAME_ERROR_UNAVAILABLE if isinstance(error, Unavailable) else tail_pb2.FRAME_ERROR_INTERNAL
