"""MQTT in and out over a real Mosquitto: QoS 1 both ways, the queue between, kill -9 amid frames."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.mosquitto import Mosquitto, found
from edge_agent.broker import Broker, Message, address
from tests.fakes.edge_model import Cut, Floats, frames
from tests.fakes.edge_run import feed, lines, running, scores, settings
from tests.fakes.edge_tail import until

pytestmark = pytest.mark.skipif(found() is None, reason="no mosquitto on PATH nor in build/")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker."""
    broker = Mosquitto(tmp_path / "mosquitto").start()
    yield broker
    broker.stop()


class Plant:
    """A camera and a reader of results: a client of the broker on its own."""

    def __init__(self, broker: Mosquitto) -> None:
        self.got: list[dict[str, Any]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "plant", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _u, message: self.got.append(json.loads(message.payload))
        self._client.on_connect = self._connected
        self._client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]  # back before the agent is
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _connected(self, *_: Any) -> None:
        self._client.subscribe("results/#", qos=1)

    def send(self, topic: str, value: Floats | bytes, frame: str = "") -> None:
        """Returns when the broker has it."""
        content = value if isinstance(value, bytes) else _npy(value)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if frame:
            properties.UserProperty = [("frame", frame)]
        self._client.publish(topic, content, qos=1, properties=properties).wait_for_publish(5)

    def close(self) -> None:
        """Ends it."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def plant(mosquitto: Mosquitto) -> Iterator[Plant]:
    """The plant's client."""
    client = Plant(mosquitto)
    yield client
    client.close()


def _npy(value: Floats) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def flags(mosquitto: Mosquitto) -> dict[str, Any]:
    """MQTT in and out, nothing else in."""
    return {"mqtt": mosquitto.url, "mqtt_in": "cameras/+", "mqtt_out": "results/{source}", "input_dir": None}


async def subscribed(plant: Plant) -> None:
    """Sends until a result comes: a first subscription takes a moment."""
    sent = 0
    while not plant.got:
        await asyncio.to_thread(plant.send, "cameras/warm", frames(1)[0], f"warm{sent}")
        sent += 1
        await asyncio.sleep(0.2)
    await asyncio.sleep(0.3)
    plant.got.clear()


async def test_in_and_out(tmp_path: Path, small: Cut, mosquitto: Mosquitto, plant: Plant) -> None:
    """Each message has one right result under its source, in its order; what is no tensor has one that says so."""
    inputs = frames(4)
    async with running(settings(tmp_path, small, **flags(mosquitto))):
        await subscribed(plant)
        for number, value in enumerate(inputs):
            await asyncio.to_thread(plant.send, f"cameras/{number % 2}", value, f"f{number}")
        await asyncio.to_thread(plant.send, "cameras/0", b"no tensor", "bad")
        await until(lambda: len(plant.got) == 5)
    found = {result["frame"]: result for result in plant.got}
    for number, value in enumerate(inputs):
        assert found[f"f{number}"]["source"] == f"mqtt/cameras/{number % 2}"
        np.testing.assert_allclose(scores(found[f"f{number}"]), small.expected(value), rtol=1e-5)
    assert "--preprocess is needed" in found["bad"]["error"]
    for source, due in (("mqtt/cameras/0", ["f0", "f2", "bad"]), ("mqtt/cameras/1", ["f1", "f3"])):
        assert [result["frame"] for result in plant.got if result["source"] == source] == due
    written = lines(tmp_path)[-5:]
    assert sorted(map(str, written)) == sorted(map(str, plant.got)), "the same results in both outputs"


async def test_the_broker_keeps_what_comes_while_we_are_away(
    tmp_path: Path, small: Cut, mosquitto: Mosquitto, plant: Plant
) -> None:
    """Messages sent between two runs are answered by the second; names sent twice only once."""
    async with running(settings(tmp_path, small, **flags(mosquitto))):
        await subscribed(plant)
    for number, value in enumerate(frames(3)):
        plant.send("cameras/a", value, f"f{number}")
        plant.send("cameras/a", value, f"f{number}")
    async with running(settings(tmp_path, small, **flags(mosquitto))):
        await until(lambda: len(plant.got) >= 3)
        await asyncio.sleep(0.3)
    assert [result["frame"] for result in plant.got] == ["f0", "f1", "f2"]


async def test_broker_restarts(tmp_path: Path, small: Cut, mosquitto: Mosquitto, plant: Plant) -> None:
    """With the broker away frames from the folder are answered; their results are published when it is back."""
    flags_ = {**flags(mosquitto), "input_dir": tmp_path / "in"}
    async with running(settings(tmp_path, small, **flags_)):
        await subscribed(plant)
        await asyncio.to_thread(mosquitto.stop)
        before = len(lines(tmp_path))
        feed(tmp_path, frames(3))
        await until(lambda: len(lines(tmp_path)) == before + 3)
        assert plant.got == []
        await asyncio.to_thread(mosquitto.start)
        await until(lambda: len({result["frame"] for result in plant.got}) == 3, 20)
    assert [result["frame"] for result in plant.got] == ["00000.npy", "00001.npy", "00002.npy"]


async def test_killed_amid_frames(tmp_path: Path, small: Cut, mosquitto: Mosquitto, plant: Plant) -> None:
    """kill -9 again and again while messages and files flow: one line a frame, in the order of each source."""
    bundle = tmp_path / "net.bundle"
    bundle.write_bytes(small.content)
    (tmp_path / "in").mkdir()
    process = await _agent(tmp_path, bundle, mosquitto)
    await subscribed(plant)
    warm = len(lines(tmp_path))
    for number, value in enumerate(frames(40)):
        await asyncio.to_thread(plant.send, f"cameras/{number % 2}", value, f"f{number:03}")
        feed(tmp_path, [value], first=number)
        if number % 10 == 5:
            process.kill()
            await process.wait()
            process = await _agent(tmp_path, bundle, mosquitto)
            await asyncio.sleep(0.7)  # it gets somewhere before it is killed again
    await until(lambda: len(lines(tmp_path)) >= warm + 80, 30)
    await until(lambda: len({(result["source"], result["frame"]) for result in plant.got}) >= 80)
    process.terminate()
    assert await process.wait() == 0
    by_source: dict[str, list[str]] = {}
    for result in lines(tmp_path):
        by_source.setdefault(result["source"], []).append(result["frame"])
    assert by_source["folder"] == [f"{number:05}.npy" for number in range(40)]
    for camera in (0, 1):
        assert by_source[f"mqtt/cameras/{camera}"] == [f"f{number:03}" for number in range(camera, 40, 2)]
    published = {(result["source"], result["frame"], result["number"]) for result in plant.got}
    assert len(published) >= 80, "each was published too, some perhaps twice with the same number"
    assert len({(source, frame) for source, frame, _ in published}) == len(published)


async def _agent(folder: Path, bundle: Path, mosquitto: Mosquitto) -> asyncio.subprocess.Process:
    with (folder / "agent.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge_agent.main", f"--bundle={bundle}", f"--state-dir={folder / 'state'}",
            f"--input-dir={folder / 'in'}", f"--results={folder / 'results.jsonl'}", "--listen=", "--threads=1",
            f"--mqtt={mosquitto.url}", "--mqtt-in=cameras/+", "--mqtt-out=results/{source}", stdout=log, stderr=log,
        )  # fmt: skip


async def test_unacknowledged_messages_come_again(tmp_path: Path, mosquitto: Mosquitto, plant: Plant) -> None:
    """What is not acknowledged is redelivered and says so; what is acknowledged is not."""
    first = await _received(mosquitto, plant, send=2, acknowledge=1)
    second = await _received(mosquitto, plant, send=0, acknowledge=0)
    assert [(message.payload, message.again) for message in first] == [(b"0", False), (b"1", False)]
    assert [(message.payload, message.again, message.packet) for message in second] == [(b"1", True, first[1].packet)]


async def _received(mosquitto: Mosquitto, plant: Plant, send: int, acknowledge: int) -> list[Message]:
    broker = Broker(address(mosquitto.url, "reader"), "frames")
    task = asyncio.create_task(broker.run())
    await until(lambda: broker.connected)
    await asyncio.sleep(0.3)
    for number in range(send):
        await asyncio.to_thread(plant.send, "frames", str(number).encode())
    found = [await asyncio.wait_for(broker.messages.get(), 5) for _ in range(send or 1)]
    for message in found[:acknowledge]:
        broker.acknowledge(message)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found
