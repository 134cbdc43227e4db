"""One stream of one edge session: reads, decodes, calls Triton, answers as results come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

import numpy as np
import numpy.typing as npt

from common.errors import DeadlineExceeded, Internal, SliceplaneError, Unavailable
from node_agent.tail.admit import Gate
from node_agent.tail.budget import Budget, Window
from node_agent.tail.metrics import Metrics
from node_agent.tail.model import Arrival, Limits, Output

DECODER_BYTES = 24
"""What decoding takes at most per element, as common/codec promises."""

Array = npt.NDArray[np.float32]
Decode = Callable[[bytes], Awaitable[Array]]


class Model(Protocol):
    """What answers activations: Triton, or its fake."""

    async def infer(self, activation: Array, timeout_s: float) -> list[Output]:
        """Results; raises DeadlineExceeded, Unavailable or Internal."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one frame: outputs or an error; times in milliseconds."""

    sequence: int
    outputs: list[Output]
    error: SliceplaneError | None
    tail_ms: float
    decode_ms: float


@dataclass(slots=True)
class Parts:
    """What all streams of a process share; `open` counts them, `largest_answer` is the largest so far, bytes."""

    model: Model
    decode: Decode
    budget: Budget
    limits: Limits
    metrics: Metrics
    open: int = 0
    largest_answer: int = 0

    def window(self) -> int:
        """How many frames each stream may have in flight, so that answers that nobody takes stay bounded, too."""
        share = self.limits.memory_bytes // max(1, self.open)
        return min(self.limits.frames_per_stream, share // max(1, self.largest_answer))


@dataclass(slots=True)
class _Frame:
    arrival: Arrival
    at: float
    held: int
    decode_s: float = 0.0

    def left(self, limits: Limits) -> float:
        """Seconds until its deadline, or until a call is given up."""
        given = self.arrival.deadline_ms / 1000 if self.arrival.deadline_ms else limits.call_s
        return self.at + given - time.monotonic()


@dataclass
class Stream:
    """Answers the frames of one stream; at most `frames_per_stream` are between being read and being answered."""

    gate: Gate
    parts: Parts
    _answers: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _window: Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = Window(self.parts.window)

    async def run(self, arrivals: AsyncIterator[Arrival]) -> AsyncGenerator[Answer, None]:
        """The answers as they get ready; then raises what ended the stream, if anything did."""
        reader = asyncio.create_task(self._read(arrivals))
        try:
            while (answer := await self._answers.get()) is not None:
                yield answer
                self._window.give()
            await reader
        finally:  # also when the peer went away: nothing goes on for it
            await _cancel({reader, *self._calls})

    async def _read(self, arrivals: AsyncIterator[Arrival]) -> None:
        try:
            await self._window.take()  # before reading on: a full window is felt by the sender as flow control
            async for arrival in arrivals:
                await self._start(arrival)
                await self._window.take()
        except SliceplaneError:
            await self._settle()
            raise
        else:
            await self._settle()
        finally:
            self._answers.put_nowait(None)

    async def _settle(self) -> None:
        if self._calls:
            await asyncio.wait(set(self._calls))

    async def _start(self, arrival: Arrival) -> None:
        """Checks and decodes one frame, in the order of the stream, and leaves its inference running."""
        at = time.monotonic()
        self.gate.admit(arrival)
        held = await self.parts.budget.take(len(arrival.payload) + DECODER_BYTES * prod(arrival.shape))
        frame = _Frame(arrival, at, held)
        try:
            begun = time.monotonic()
            activation = await self.parts.decode(arrival.payload)
            frame.decode_s = time.monotonic() - begun
        except BaseException:
            self.parts.budget.give(held)
            raise
        call = asyncio.create_task(self._call(frame, activation))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, frame: _Frame, activation: Array) -> None:
        try:
            outputs, error = await self._infer(frame, activation)
        finally:
            self.parts.budget.give(frame.held)
        size = sum(len(output.content) for output in outputs)
        self.parts.largest_answer = max(self.parts.largest_answer, size)
        passed = time.monotonic() - frame.at
        self.parts.metrics.answered(error, passed, frame.decode_s)
        self._answers.put_nowait(Answer(frame.arrival.sequence, outputs, error, passed * 1000, frame.decode_s * 1000))

    async def _infer(self, frame: _Frame, activation: Array) -> tuple[list[Output], SliceplaneError | None]:
        left = frame.left(self.parts.limits)
        if left <= 0:
            return [], DeadlineExceeded("its deadline passed before it was decoded")
        try:
            async with asyncio.timeout(left):
                return await self.parts.model.infer(activation, left), None
        except TimeoutError:
            return [], DeadlineExceeded("its deadline passed before Triton answered")
        except (DeadlineExceeded, Unavailable, Internal) as error:
            return [], error


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
