"""Store-and-forward, wired: sources into the queue, its frames through the agent, results out to the sinks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

from prometheus_client import Gauge

from common.errors import InvalidArgument, Violation
from edge_agent.agent import Agent, Item
from edge_agent.broker import Broker, address
from edge_agent.inputs import mqtt, payload
from edge_agent.inputs.folder import SOURCE, Folder, read
from edge_agent.inputs.preprocess import Preprocess
from edge_agent.model import Answer, Policy, Tensors, TensorSpec, Where, skipped
from edge_agent.ordered import in_order
from edge_agent.outputs.lines import JsonLines, Stdout
from edge_agent.outputs.mqtt import MqttResults
from edge_agent.queue.model import Arrival, Entry
from edge_agent.queue.queue import Queue, Sink
from edge_agent.queue.store import Store
from edge_agent.results import line
from edge_agent.settings import Settings
from edge_agent.window import Window

GAUGES_S = 1.0


async def forward(settings: Settings, agent: Agent, window: Window, spec: Preprocess | None) -> None:
    """Runs until cancelled, or with --once until all is answered and delivered."""
    await _Forwarding(settings, agent, window, spec).run()


class _Forwarding:
    def __init__(self, settings: Settings, agent: Agent, window: Window, spec: Preprocess | None) -> None:
        self._settings, self._agent, self._window, self._spec = settings, agent, window, spec
        self._loop = asyncio.get_running_loop()
        self._broker = _broker(settings)
        names = ["lines", *(["mqtt"] if settings.mqtt_out else [])]
        self._newest = settings.policy == Policy.NEWEST
        skip = self._skipped if self._newest else None
        self._store = Store(settings.queue_folder, settings.queue_limits, names, self._dropped, skipped=skip)
        self._queue = Queue(self._store)
        self._lines = _lines(settings, self._store.identity)
        self._taken: deque[Entry] = deque()

    async def run(self) -> None:
        jobs = [asyncio.create_task(job) for job in self._jobs()]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._queue.close()
            if isinstance(self._lines, JsonLines):
                self._lines.close()

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        sinks: list[Sink] = [self._lines]
        jobs = [self._queue.run(), self._answer(), self._measure()]
        if self._broker:
            jobs.append(self._broker.run())
            if self._settings.mqtt_in:
                jobs.append(mqtt.receive(self._broker, self._queue))
            if self._settings.mqtt_out:
                sinks.append(MqttResults(self._broker, self._settings.mqtt_out))
        if self._settings.input_dir:
            jobs.append(self._watch(self._settings.input_dir))
        return [*jobs, *(self._queue.forward(sink) for sink in sinks)]

    async def _watch(self, path: Path) -> None:
        """A folder's files by name: their bytes stay where they are."""
        known = await self._queue.ids(SOURCE)
        gone = await asyncio.to_thread(lambda: [name for name in known if not (path / name).exists()])
        await self._queue.forget(SOURCE, gone)
        folder = Folder(path, self._spec, self._settings.once, known)
        async for item in folder.items():
            await self._queue.admit(Arrival(SOURCE, item.id))
        await self._queue.drained()

    async def _answer(self) -> None:
        items, by = self._items(), self._agent.answer
        async with aclosing(in_order(items, by, self._window, entered=self._newest)) as answers:
            async for answer in answers:
                entry = self._taken.popleft()
                text = await asyncio.to_thread(self._line, entry, answer)
                await self._queue.answered(entry.sequence, text)

    async def _items(self) -> AsyncIterator[Item]:
        if self._newest:
            await self._agent.ready.wait()  # what is newest now is not when there is a model
        async for entry in self._queue.newest(self._window) if self._newest else self._queue.items():
            self._taken.append(entry)
            yield Item(entry.id, lambda specs, entry=entry: self._load(entry, specs))  # type: ignore[misc]

    async def _load(self, entry: Entry, specs: tuple[TensorSpec, ...]) -> Tensors:
        if entry.stored:
            content = await self._queue.payload(entry.sequence)
            return await asyncio.to_thread(payload.decode, entry.id, content, self._spec, specs)
        if self._settings.input_dir is None:
            raise InvalidArgument(Violation(entry.id, "it came from an --input-dir, which is not given any more"))
        return await asyncio.to_thread(read, self._settings.input_dir / entry.id, self._spec, specs)

    def _line(self, entry: Entry, answer: Answer) -> str:
        name = entry.id if entry.source == SOURCE else f"{entry.source}/{entry.id}"
        queued = {"source": entry.source, "number": entry.sequence, "queue": self._store.identity}
        return line(answer, self._settings.outputs_dir, file_name=name, **queued)

    def _dropped(self, entry: Entry, why: str) -> str:
        return self._unasked(entry, Answer(entry.id, Where.DROPPED, {}, error=why))

    def _skipped(self, entry: Entry) -> str:
        return self._unasked(entry, skipped(entry.id))

    def _unasked(self, entry: Entry, answer: Answer) -> str:
        """Called by the store, in its thread."""
        self._loop.call_soon_threadsafe(self._agent.stats.add, answer)
        return self._line(entry, answer)

    async def _measure(self) -> None:
        registry = self._agent.stats.registry
        frames = Gauge("sliceplane_edge_queue_frames", "Frames that have no result yet.", registry=registry)
        size = Gauge("sliceplane_edge_queue_bytes", "Bytes of frames that have no result yet.", registry=registry)
        age = Gauge("sliceplane_edge_queue_age_seconds", "Age of the oldest of them.", registry=registry)
        held = Gauge("sliceplane_edge_queue_held_up", "1 while the disk takes nothing.", registry=registry)
        while True:
            for gauge, value in zip((frames, size, age), await self._queue.depth(), strict=True):
                gauge.set(value)
            held.set(bool(self._queue.trouble))
            await asyncio.sleep(GAUGES_S)


def _broker(settings: Settings) -> Broker | None:
    if not settings.mqtt:
        return None
    where = address(settings.mqtt, f"sliceplane-{settings.device}", settings.mqtt_user, settings.mqtt_password)
    return Broker(where, settings.mqtt_in)


def _lines(settings: Settings, identity: str) -> JsonLines | Stdout:
    return Stdout() if settings.results == "-" else JsonLines(Path(settings.results), identity)
