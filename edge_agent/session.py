"""The stream to a tail: kept open, opened again when it breaks; answers find their frames by sequence number."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common import backoff
from common.errors import SliceplaneError, Unavailable
from common.rpc.channel import aio_channel
from common.rpc.status import from_rpc_error
from edge_agent.model import Reason
from protos.sliceplane.tail.v1 import tail_pb2, tail_pb2_grpc

CONNECT_S = 5.0
LASTED_S = 1.0
FIRST_OPEN_S = 1.0
PING_S = 1.0
REOPEN_S = 0.5
"""How long frames wait for the next stream."""

MAX_MESSAGE_BYTES = 64 << 20
"""The largest answer that is taken; a whole segmentation map may be larger than the activation it came from."""

log = structlog.get_logger("session")

Call = aio.StreamStreamCall[tail_pb2.Activation, tail_pb2.Prediction]


class StreamBroken(Unavailable):
    """The stream ended before the answer came."""


@dataclass(slots=True)
class Parcel:
    """One encoded activation on its way; `answer` gets the prediction or StreamBroken; `sent_at` 0: not yet.

    `sequence`: its number in the stream, once it is sent.
    """

    codec: int
    shape: tuple[int, ...]
    payload: bytes
    give_up_at: float
    answer: asyncio.Future[tail_pb2.Prediction]
    sent_at: float = 0.0
    sequence: int = 0


class TailSession:
    """A stream for one bundle's cut to the tail at `target` ("xds:///NAME" or "host:port").

    `run()` keeps it open until cancelled. `fault` says why there is no stream, None while there is one. `barred` is
    the same, but None also for a moment at first, and after a stream ended: a tail that drains has a successor at once.
    """

    def __init__(
        self, target: str, digest: str, cut_id: str, pinged: Callable[[float], None] = lambda _seconds: None
    ) -> None:
        self.target = target
        self._pinged = pinged
        self.fault: Reason | None = Reason.TAIL_UNREACHABLE
        self.bytes_sent = 0
        self._digest, self._cut_id = digest, cut_id
        self._outbox: deque[Parcel] = deque()
        self._wake = asyncio.Event()
        self._change = asyncio.Event()
        self._reopening_until = time.monotonic() + FIRST_OPEN_S
        self._flying: dict[int, Parcel] = {}
        self._sequence = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the frames that are sent or to be sent and not answered yet."""
        return sum(len(one.payload) for one in (*self._flying.values(), *self._outbox) if not one.answer.done())

    @property
    def oldest(self) -> tuple[int, float] | None:
        """Bytes of the frame that is longest on its way, and when it was sent, if any is."""
        return next(((len(p.payload), p.sent_at) for p in self._flying.values() if not p.answer.done()), None)

    @property
    def barred(self) -> Reason | None:
        """Why frames had better not wait for a stream, if so."""
        return None if time.monotonic() < self._reopening_until else self.fault

    async def send(self, parcel: Parcel) -> tail_pb2.Prediction:
        """The tail's answer. Raises StreamBroken. A waiter that goes away before it is sent takes it back."""
        if self.fault:
            raise StreamBroken("there is no stream to the tail", reason=self.fault.value)
        self._outbox.append(parcel)
        self._wake.set()
        try:
            return await parcel.answer
        finally:
            if self._flying.get(parcel.sequence) is parcel:
                del self._flying[parcel.sequence]

    async def opened(self, *, patient: bool = True) -> None:
        """Waits until there is a stream. Unless `patient`, raises StreamBroken once a try to open one fails."""
        while self.fault:
            if not patient and self.barred:
                raise StreamBroken("no stream to the tail came about", reason=self.fault.value)
            await self._change.wait()

    async def run(self) -> None:
        """Keeps a stream open: anew at once after one that lasted, else after a while, longer each time."""
        channel = aio_channel(self.target, max_message_bytes=MAX_MESSAGE_BYTES)
        pinger = asyncio.create_task(self._ping(channel))
        try:
            pauses = backoff.delays(limit_s=2.0)
            while True:
                begun = time.monotonic()
                came_about = await self._once(tail_pb2_grpc.TailServiceStub(channel).Infer())
                if came_about:
                    pauses = backoff.delays(limit_s=2.0)
                if not came_about or time.monotonic() - begun < LASTED_S:
                    await asyncio.sleep(next(pauses))
        finally:
            pinger.cancel()
            await asyncio.gather(pinger, return_exceptions=True)
            self._lose(Reason.TAIL_UNREACHABLE, "the session is closed")
            await channel.close()

    async def _ping(self, channel: aio.Channel) -> None:
        """Tells what an empty message takes there and back, while no frame is in its way."""
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while True:
            if self.fault is None and self._still:
                sent_at = time.monotonic()
                if await _came_back(stub) and self._still:
                    self._pinged(time.monotonic() - sent_at)
            await asyncio.sleep(PING_S)

    @property
    def _still(self) -> bool:
        """Whether no frame is on its way or to be sent."""
        return not self._flying and not self._outbox

    async def _once(self, call: Call) -> bool:
        """One stream from opening to its end; whether it came about."""
        came_about = False
        error: SliceplaneError = Unavailable("the tail ended the stream")
        try:
            async with asyncio.timeout(CONNECT_S):
                await call.initial_metadata()  # the tail sends it at once
            came_about = not call.done()
            await self._exchange(call)
        except TimeoutError:
            error = Unavailable(f"{self.target} does not answer within {CONNECT_S:g} s")
        except aio.AioRpcError as failed:
            error = from_rpc_error(failed)
        finally:
            call.cancel()
        mismatch = error.reason == Reason.DIGEST_MISMATCH
        fault = Reason.DIGEST_MISMATCH if mismatch else Reason.TAIL_UNREACHABLE
        if self.fault is not fault:
            log.warning("no stream to the tail", target=self.target, reason=fault.value, why=error.message)
        reopens = came_about and not mismatch
        self._reopening_until = time.monotonic() + REOPEN_S if reopens else 0.0
        self._lose(fault, error.message)
        return reopens

    async def _exchange(self, call: Call) -> None:
        """Sends and receives until the stream ends; raises its AioRpcError, if it has one."""
        if not call.done():
            self.fault, self._sequence = None, 0
            self._changed()
            log.info("stream to the tail is open", target=self.target)
        writer = asyncio.create_task(self._write(call))
        try:
            async for prediction in call:
                self._arrived(prediction)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, call: Call) -> None:
        while True:
            while not self._outbox:
                self._wake.clear()
                await self._wake.wait()
            parcel = self._outbox.popleft()
            if not parcel.answer.done():
                await call.write(self._message(parcel))
                self.bytes_sent += len(parcel.payload)

    def _message(self, parcel: Parcel) -> tail_pb2.Activation:
        self._sequence += 1
        self._flying[self._sequence] = parcel
        parcel.sent_at, parcel.sequence = time.monotonic(), self._sequence
        return tail_pb2.Activation(
            sequence=self._sequence,
            bundle_digest=self._digest if self._sequence == 1 else "",
            cut_id=self._cut_id if self._sequence == 1 else "",
            codec=parcel.codec,
            shape=parcel.shape,
            deadline_ms=max(1, int(1000 * (parcel.give_up_at - parcel.sent_at))),
            payload=parcel.payload,
        )

    def _arrived(self, prediction: tail_pb2.Prediction) -> None:
        parcel = self._flying.pop(prediction.sequence, None)
        if parcel and not parcel.answer.done():
            parcel.answer.set_result(prediction)

    def _lose(self, fault: Reason, why: str) -> None:
        self.fault = fault
        self._changed()
        lost = [*self._flying.values(), *self._outbox]
        self._flying.clear()
        self._outbox.clear()
        for parcel in lost:
            if not parcel.answer.done():
                parcel.answer.set_exception(StreamBroken(f"the stream broke: {why}", reason=fault.value))

    def _changed(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()


async def _came_back(stub: Any) -> bool:
    """Whether an empty message was answered, however."""
    try:
        await stub.Check(health_pb2.HealthCheckRequest(), timeout=CONNECT_S)
    except aio.AioRpcError as error:
        return error.code() not in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED)
    return True
