"""MQTT as a source of frames: acknowledged to the broker once they are on the disk, never before."""

from __future__ import annotations

import asyncio
import hashlib

from edge_agent.broker import Broker, Message
from edge_agent.queue.model import Arrival
from edge_agent.queue.queue import Queue

PREFIX = "mqtt/"
AT_ONCE = 16


async def receive(broker: Broker, queue: Queue) -> None:
    """Hands messages to the queue in their order, until cancelled; those that come together share a commit."""
    while True:
        batch = [await broker.messages.get()]
        while len(batch) < AT_ONCE and not broker.messages.empty():
            batch.append(broker.messages.get_nowait())
        await asyncio.gather(*(queue.admit(arrival(message)) for message in batch))
        for message in batch:
            broker.acknowledge(message)


def arrival(message: Message) -> Arrival:
    """The message as a frame of the source that its topic names; without an id, known again by packet and digest."""
    key = "" if message.frame or not message.qos else str(message.packet)
    digest = hashlib.sha256(message.payload).hexdigest() if key else ""
    return Arrival(PREFIX + message.topic, message.frame, message.payload, key, digest, message.again)
