"""One frame's way through the split: head, encoder, stream, and once more if the stream breaks under it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from common.errors import SliceplaneError
from edge_agent import wire
from edge_agent.compute import IDLE, NORMAL, Compute
from edge_agent.encode import Encoded
from edge_agent.model import Frame, Mode, Reason, Tensors, Timing
from edge_agent.serving import Serving
from edge_agent.session import REOPEN_S, Parcel, StreamBroken, TailSession
from edge_agent.traffic import Transfer
from protos.sliceplane.tail.v1 import tail_pb2

LATE_S = 5.0
"""How long after its deadline a frame's answer is still waited for, to learn how slow the tail is."""

_REASONS = {
    tail_pb2.FRAME_ERROR_DEADLINE_EXCEEDED: Reason.DEADLINE,
    tail_pb2.FRAME_ERROR_UNAVAILABLE: Reason.TAIL_UNREACHABLE,
    tail_pb2.FRAME_ERROR_INTERNAL: Reason.SPLIT_FAILED,
}


class SplitError(Exception):
    """The split did not answer this frame."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Run:
    """One frame under way; `given_up`: it is being answered otherwise; `trouble`: what befell it so far.

    `level`: the codec level, "": to be chosen; `priority`: of its head and encoder.
    """

    frame: Frame
    serving: Serving
    mode: Mode
    compute: Compute
    now: Callable[[], float]
    keep: Callable[[asyncio.Task[None]], object]
    timing: Timing = field(default_factory=Timing)
    priority: int = NORMAL
    trial: bool = False
    given_up: bool = False
    level: str = ""
    sent_at: float = 0.0
    trouble: Reason | None = None


async def attempt(run: Run) -> Tensors:
    """The tail's outputs. Raises SplitError; InvalidArgument if the model refuses the inputs."""
    encoded, activation = await encode(run)
    if unknown := run.serving.pace.unknown(run.now()):
        run.keep(asyncio.create_task(survey(run, unknown, activation)))
    return await _sent(run, encoded)


async def _sent(run: Run, encoded: Encoded) -> Tensors:
    while True:
        session = await _open(run)
        parcel = Parcel(encoded.codec, encoded.shape, encoded.payload, run.frame.deadline_at, asyncio.Future())
        run.sent_at = run.now()
        try:
            async with asyncio.timeout(run.frame.deadline_at - run.now() + LATE_S):
                prediction = await session.send(parcel)
        except TimeoutError as error:
            raise SplitError(Reason.DEADLINE, "the tail never answered") from error
        except StreamBroken as error:
            again = run.trouble is None or run.mode is Mode.SPLIT
            mismatch = error.reason == Reason.DIGEST_MISMATCH
            run.trouble = Reason.DIGEST_MISMATCH if mismatch else Reason.STREAM_BROKEN
            if mismatch or not again:
                raise SplitError(run.trouble, error.message) from error
        else:
            return _outputs(run, parcel, prediction)
        finally:
            parcel.answer.cancel()  # if the waiter is gone it need not be sent any more


async def encode(run: Run) -> tuple[Encoded, Tensors]:
    """The encoded activation, and what the head gave. Raises SplitError, or InvalidArgument."""
    pace = run.serving.pace
    activation, head_s, work_s = await run.compute.run(run.priority, partial(_headed, run))
    run.timing.head_ms = 1000 * head_s
    pace.headed(head_s, work_s)
    session = run.serving.session
    waiting, oldest = (session.waiting_bytes, session.oldest) if session else (0, None)
    run.level = run.level or pace.level(run.now(), run.frame.deadline_at, waiting, oldest)
    encoder = run.serving.encoders[run.level]
    try:
        encoded = await run.compute.run(run.priority, lambda: encoder(activation))
    except SliceplaneError as error:
        raise SplitError(Reason.SPLIT_FAILED, f"the activation cannot be encoded: {error.message}") from error
    run.timing.encode_ms = 1000 * encoded.took_s
    run.timing.activation_bytes = len(encoded.payload)
    pace.encoded(run.level, len(encoded.payload), encoded.took_s, encoded.work_s, run.now())
    return encoded, activation


def _headed(run: Run) -> tuple[Tensors, float, float]:
    """What the head gives, the seconds it took, and what the processor spent on it."""
    worked = time.thread_time()
    activation, took_s = run.serving.head(run.frame.inputs)
    return activation, took_s, min(took_s, time.thread_time() - worked)


async def survey(run: Run, levels: tuple[str, ...], activation: Tensors) -> None:
    """Behind all that waits for the device: what other levels would have cost."""
    for level in levels:
        encoder = run.serving.encoders[level]
        try:
            if not run.serving.pace.knows(level):  # the first run of a codec takes longer
                await run.compute.run(IDLE, partial(encoder, activation))
            encoded = await run.compute.run(IDLE, partial(encoder, activation))
        except SliceplaneError:  # the frames that use it will say so
            run.serving.pace.useless(level)
        else:
            run.serving.pace.surveyed(level, len(encoded.payload), encoded.work_s)


async def _open(run: Run) -> TailSession:
    """The session, with a stream. Raises SplitError if none comes about in time."""
    session = run.serving.session
    if session is None:
        raise SplitError(run.serving.without, "there is no tail any more")
    if session.fault:
        run.trouble = run.trouble or session.fault
        left, patient = max(0.0, run.frame.deadline_at - run.now()), run.mode is Mode.SPLIT
        try:
            async with asyncio.timeout(left if patient else min(left, REOPEN_S)):
                await session.opened(patient=patient)
        except (TimeoutError, StreamBroken) as error:
            raise SplitError(run.trouble, "no stream to the tail came about in time") from error
    return session


def _outputs(run: Run, parcel: Parcel, prediction: tail_pb2.Prediction) -> Tensors:
    run.timing.tail_ms = 1000 * (run.now() - parcel.sent_at)
    run.timing.server_ms, run.timing.decode_ms = prediction.tail_ms, prediction.decode_ms
    server_s = prediction.tail_ms / 1000
    passed = Transfer(len(parcel.payload), parcel.sent_at, run.now(), server_s)
    run.serving.pace.passed(run.level, passed, prediction.decode_ms / 1000)
    if prediction.error:
        raise SplitError(_REASONS.get(prediction.error, Reason.SPLIT_FAILED), prediction.error_message)
    try:
        return {tensor.name: wire.array(tensor) for tensor in prediction.outputs}
    except SliceplaneError as error:
        raise SplitError(Reason.SPLIT_FAILED, f"the tail's answer cannot be read: {error.message}") from error
