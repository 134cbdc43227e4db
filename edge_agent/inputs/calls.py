"""EdgeService: frames from programs on the gateway, over gRPC on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from grpc import aio

from common.errors import DeadlineExceeded, Internal, InvalidArgument, Unavailable, Violation
from edge_agent import wire
from edge_agent.agent import Agent, Item
from edge_agent.head import check
from edge_agent.model import Answer, Policy, Tensors, TensorSpec, Where
from edge_agent.policy import answers_of
from edge_agent.window import Window
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc

SERVICE = "sliceplane.edge.v1.EdgeService"
_ANSWERERS = {Where.SPLIT: edge_pb2.ANSWERER_SPLIT, Where.LOCAL: edge_pb2.ANSWERER_LOCAL}


class EdgeService(edge_pb2_grpc.EdgeServiceServicer):
    """Answers frames with `agent`, within `window`, which all sources share; those of a stream by `policy`."""

    def __init__(self, agent: Agent, window: Window, policy: Policy) -> None:
        self._agent = agent
        self._window = window
        self._policy = policy

    async def Infer(  # noqa: N802
        self,
        request: edge_pb2.InferRequest,
        context: aio.ServicerContext[Any, Any],  # noqa: ARG002
    ) -> edge_pb2.InferResponse:
        """Answers one frame, or refuses it at once when the window is full."""
        item = _item(request)
        check(self._agent.inputs, await item.load(self._agent.inputs))
        self._window.enter_now()
        try:
            answer = await self._agent.answer(item)
        finally:
            self._window.leave()
        if answer.late:
            raise DeadlineExceeded(f"it took {answer.timing.total_ms:.0f} ms, longer than its deadline")
        if answer.where is Where.FAILED:
            raise (Unavailable if answer.reason else Internal)(answer.error)
        return _response(answer)

    async def InferStream(  # noqa: N802
        self,
        request_iterator: AsyncIterator[edge_pb2.InferStreamRequest],
        context: aio.ServicerContext[Any, Any],  # noqa: ARG002
    ) -> AsyncIterator[edge_pb2.InferStreamResponse]:
        """Answers frames in their order; a full window holds the sender back, or frames are skipped."""
        if not self._agent.ready.is_set():
            raise Unavailable(f"this agent has no model yet: {self._agent.trouble}")
        items = _items(request_iterator)
        async with aclosing(answers_of(items, self._agent, self._window, self._policy)) as answers:
            async for answer in answers:
                yield _streamed(answer)


async def _items(requests: AsyncIterator[edge_pb2.InferStreamRequest]) -> AsyncIterator[Item]:
    async for request in requests:
        yield _item(request.frame)


def _item(request: edge_pb2.InferRequest) -> Item:
    async def load(_specs: tuple[TensorSpec, ...]) -> Tensors:
        return _inputs(request)

    deadline_s = None
    if request.HasField("deadline"):
        deadline_s = request.deadline.seconds + request.deadline.nanos / 1e9
        if deadline_s <= 0:
            raise InvalidArgument(Violation("deadline", "it must be more than 0; leave it out for the agent's default"))
    return Item(request.frame_id, load, deadline_s)


def _inputs(request: edge_pb2.InferRequest) -> Tensors:
    inputs = {tensor.name: wire.array(tensor) for tensor in request.inputs}
    if len(inputs) != len(request.inputs):
        raise InvalidArgument(Violation("inputs", "an input is there twice"))
    return inputs


def _streamed(answer: Answer) -> edge_pb2.InferStreamResponse:
    if answer.late:
        return edge_pb2.InferStreamResponse(error="it took longer than its deadline", frame_id=answer.frame_id)
    if answer.where in (Where.FAILED, Where.SKIPPED):
        skipped = answer.where is Where.SKIPPED
        return edge_pb2.InferStreamResponse(error=answer.error, frame_id=answer.frame_id, skipped=skipped)
    return edge_pb2.InferStreamResponse(answer=_response(answer), frame_id=answer.frame_id)


def _response(answer: Answer) -> edge_pb2.InferResponse:
    timing = answer.timing
    return edge_pb2.InferResponse(
        outputs=wire.messages(answer.outputs),
        answered_by=_ANSWERERS[answer.where],
        fallback_reason=answer.reason.value if answer.reason else "",
        timing=edge_pb2.FrameTiming(
            head_ms=timing.head_ms,
            encode_ms=timing.encode_ms,
            tail_ms=timing.tail_ms,
            local_ms=timing.local_ms,
            total_ms=timing.total_ms,
            activation_bytes=timing.activation_bytes,
        ),
        frame_id=answer.frame_id,
        level=answer.level,
    )
