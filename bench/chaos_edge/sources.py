"""Three sources that send without end: a folder and two cameras over MQTT; and what comes back."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.chaos_edge.world import World
from bench.demo import labels, ocr

CAMERAS = ("cameras/1", "cameras/2")
VARIANTS = 16


class Sources:
    """Sends `rate` frames a second and source from a thread of its own; `sent` tells them by source, in order."""

    def __init__(self, world: World, rate: float) -> None:
        self.sent: dict[str, list[str]] = {"folder": [], **{f"mqtt/{camera}": [] for camera in CAMERAS}}
        self.published: Counter[tuple[str, str, int]] = Counter()
        self._world, self._pause_s = world, 1 / rate
        self._stop = threading.Event()
        self._inputs = [
            _npy(ocr.orientation_input(labels.render(n, upside_down=n % 2 == 1).image)) for n in range(VARIANTS)
        ]
        for number, content in enumerate(self._inputs):
            self._variant(number).write_bytes(content)
        self._client = Client(CallbackAPIVersion.VERSION2, "plant", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._got
        self._client.connect("127.0.0.1", world.broker.port)
        self._client.subscribe("results/#", qos=1)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Sends no more; all that was sent is with the broker or in the folder."""
        self._stop.set()
        self._thread.join(10)

    def close(self) -> None:
        """Listens no more."""
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            begun = time.monotonic()
            name = f"{number:06}"
            os.link(self._variant(number % VARIANTS), self._world.frames / f"{name}.npy")
            self.sent["folder"].append(f"{name}.npy")
            for camera in CAMERAS:
                self._publish(camera, name, self._inputs[number % VARIANTS])
            number += 1
            self._stop.wait(max(0.0, self._pause_s - (time.monotonic() - begun)))

    def _publish(self, camera: str, name: str, content: bytes) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = [("frame", name)]
        self._client.publish(camera, content, qos=1, properties=properties).wait_for_publish(30)
        self.sent[f"mqtt/{camera}"].append(name)

    def _got(self, _client: Client, _data: Any, message: Any) -> None:
        found = json.loads(message.payload)
        self.published[found["source"], found["frame"], found["number"]] += 1

    def _variant(self, number: int) -> Path:
        return self._world.plane.folder / f"input-{number}.npy"


class Results:
    """The results file as it grows; lines that a restart took back are not counted, being incomplete."""

    def __init__(self, path: Path) -> None:
        self.lines: list[dict[str, Any]] = []
        self._path, self._read = path, 0

    def look(self) -> list[dict[str, Any]]:
        """The whole lines that are new."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            self._read = min(self._read, self._path.stat().st_size)
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        fresh = [json.loads(line) for line in whole.splitlines()]
        self.lines += fresh
        return fresh


def _npy(value: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()
