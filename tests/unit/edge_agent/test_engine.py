"""Exactly one answer per frame, whatever the tail does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from grpc import aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.agent import Item
from edge_agent.compute import NORMAL, URGENT, Compute
from edge_agent.engine import Engine
from edge_agent.model import Answer, Frame, Mode, Reason, Tensors, TensorSpec, Where
from edge_agent.ordered import in_order
from edge_agent.serving import Serving, prepare
from edge_agent.window import Window
from protos.sliceplane.tail.v1 import tail_pb2, tail_pb2_grpc
from tests.fakes.edge_model import cut, frames

FATES = ("answer", "late", "never", "swap", "break", "refuse", "garbage", "twice")


class FakeTail(tail_pb2_grpc.TailServiceServicer):
    """Does to each activation what its fate says; 1 comes back as the score of every frame."""

    def __init__(self, fates: list[str]) -> None:
        self.fates = list(fates)

    async def Infer(
        self, request_iterator: AsyncIterator[tail_pb2.Activation], context: Any
    ) -> AsyncIterator[tail_pb2.Prediction]:
        await context.send_initial_metadata(())
        held: list[tail_pb2.Prediction] = []
        async for activation in request_iterator:
            fate = self.fates.pop(0) if self.fates else "answer"
            if fate == "break":
                return
            if fate == "swap":
                held.append(prediction(activation.sequence))
            for answer in await outcome(fate, activation.sequence):
                yield answer
            if fate not in ("swap", "never"):
                while held:
                    yield held.pop()


def prediction(sequence: int) -> tail_pb2.Prediction:
    scores = np.ones((1, 5), np.float32)
    tensor = tail_pb2.OutputTensor(name="scores", datatype="FP32", shape=scores.shape, content=scores.tobytes())
    return tail_pb2.Prediction(sequence=sequence, outputs=[tensor], tail_ms=1)


async def outcome(fate: str, sequence: int) -> list[tail_pb2.Prediction]:
    good = prediction(sequence)
    if fate == "late":
        await asyncio.sleep(0.25)
    if fate == "garbage":
        good.outputs[0].content = b"123"
    refused = tail_pb2.Prediction(sequence=sequence, error=tail_pb2.FRAME_ERROR_INTERNAL, error_message="no")
    return {"never": [], "swap": [], "refuse": [refused], "twice": [good, good]}.get(fate, [good])


async def play(mode: Mode, fates: list[str], count: int, deadline_s: float = 0.15) -> list[Answer]:
    """Sends `count` frames through an engine, a window of 3, in order."""
    server, compute = aio.server(), Compute()
    tail_pb2_grpc.add_TailServiceServicer_to_server(FakeTail(fates), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    serving = prepare(cut().bundle, "raw", 1)
    engine = Engine(mode, compute)
    await serving.connect(f"127.0.0.1:{port}")
    assert serving.session
    await asyncio.wait_for(serving.session.opened(), 5)
    try:
        return await asyncio.wait_for(collect(engine, serving, count, deadline_s), 30)
    finally:
        await serving.disconnect()
        await engine.close()
        compute.close()
        await server.stop(0)


async def collect(engine: Engine, serving: Serving, count: int, deadline_s: float) -> list[Answer]:
    inputs = frames(count)

    async def items() -> AsyncIterator[Item]:
        for number, value in enumerate(inputs):
            yield Item(str(number), loader(value))

    async def answer(item: Item) -> Answer:
        now = time.monotonic()
        return await engine.answer(Frame(item.id, await item.load(()), now, now + deadline_s), serving)

    window = Window(3)
    found = [a async for a in in_order(items(), answer, window)]
    assert (window.used, serving.users) == (0, 0)
    return found


def loader(value: Any) -> Any:
    async def load(_: tuple[TensorSpec, ...]) -> Tensors:
        return {"x": value}

    return load


@given(st.lists(st.sampled_from(FATES), max_size=10))
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
def test_exactly_one_right_answer_per_frame(fates: list[str]) -> None:
    """Under any mixture of loss, delay, reordering, breaks, refusals and garbage each frame is answered once,
    in order, and rightly: by the tail's answer or by the whole model's, with a reason."""
    answers = asyncio.run(play(Mode.AUTO, fates, 8))
    assert [a.frame_id for a in answers] == [str(n) for n in range(8)]
    for answer, x in zip(answers, frames(8), strict=True):
        scores = np.asarray(answer.outputs["scores"], np.float32)
        if answer.where is Where.SPLIT:
            assert (scores == 1).all()
            assert answer.reason is None
        else:
            assert answer.where is Where.LOCAL
            np.testing.assert_allclose(scores, cut().expected(x), rtol=1e-5)
            assert answer.reason in set(Reason) - {Reason.LOCAL_MODE, Reason.NO_ASSIGNMENT}


@pytest.mark.parametrize(
    ("fate", "reason"),
    [("refuse", Reason.SPLIT_FAILED), ("garbage", Reason.SPLIT_FAILED), ("never", Reason.DEADLINE)],
)
async def test_each_failure_has_its_reason(fate: str, reason: Reason) -> None:
    """What the tail did to a frame stands in its result."""
    (answer,) = await play(Mode.AUTO, [fate], 1)
    assert (answer.where, answer.reason) == (Where.LOCAL, reason)


async def test_a_broken_stream_is_tried_once_more() -> None:
    """A frame whose stream breaks is sent again; if that breaks, too, it is answered locally."""
    (again,) = await play(Mode.AUTO, ["break"], 1, deadline_s=3)
    assert again.where is Where.SPLIT
    (local,) = await play(Mode.AUTO, ["break", "break"], 1, deadline_s=3)
    assert (local.where, local.reason) == (Where.LOCAL, Reason.STREAM_BROKEN)


async def test_split_mode_tries_until_the_deadline() -> None:
    """In split mode a frame is sent again as often as streams break, and fails only at its deadline."""
    (answer,) = await play(Mode.SPLIT, ["break"] * 3, 1, deadline_s=8)
    assert answer.where is Where.SPLIT
    (failed,) = await play(Mode.SPLIT, ["never"], 1, deadline_s=0.1)
    assert (failed.where, failed.reason, failed.late) == (Where.FAILED, Reason.DEADLINE, True)


async def test_urgent_jobs_go_first_and_abandoned_ones_not_at_all() -> None:
    """While one job runs, a local fallback overtakes heads that wait, and a job whose frame is gone is skipped."""
    compute, order = Compute(), list[str]()

    def job(name: str, takes_s: float = 0.0) -> Any:
        def run() -> None:
            time.sleep(takes_s)
            order.append(name)

        return run

    running = asyncio.create_task(compute.run(NORMAL, job("first", 0.1)))
    await asyncio.sleep(0.01)
    normal = asyncio.create_task(compute.run(NORMAL, job("head")))
    gone = asyncio.create_task(compute.run(URGENT, job("gone")))
    urgent = asyncio.create_task(compute.run(URGENT, job("local")))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.gather(running, normal, urgent)
    compute.close()
    assert order == ["first", "local", "head"]
