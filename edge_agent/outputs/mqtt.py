"""Results as MQTT messages (QoS 1): each at least once, with its frame's number to know a second copy by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from edge_agent.broker import Broker
from edge_agent.queue.model import Result

SOURCE = "{source}"


class MqttResults:
    """Publishes to `topic`, in which "{source}" stands for the frame's source."""

    name = "mqtt"
    reached = 0

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker, self._topic = broker, topic

    async def write(self, results: Sequence[Result]) -> None:
        """Returns when the broker has all of them. Raises Unavailable if it refuses one."""
        await asyncio.gather(*(self._publish(result) for result in results))

    async def _publish(self, result: Result) -> None:
        topic = self._topic.replace(SOURCE, result.source)
        await self._broker.publish(topic, result.line, str(json.loads(result.line)["frame"]))
