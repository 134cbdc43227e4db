"""An MQTT broker: messages in, acknowledged by hand, and messages out, awaited. The only file that knows paho."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from common.errors import InvalidArgument, Unavailable, Violation

FRAME = "frame"
UNACKNOWLEDGED = 16
UNASKED = 64
FOR_EVER = 0xFFFFFFFF
log = structlog.get_logger("mqtt")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and who we are there."""

    host: str
    port: int
    tls: bool
    client: str
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `frame`: its user property of that name, or ""; `again`: the broker may have sent it before."""

    topic: str
    payload: bytes
    frame: str
    packet: int
    qos: int
    again: bool
    connection: int


def address(url: str, client: str, user: str = "", password: str = "") -> Address:
    """Reads "mqtt://HOST[:PORT]", or mqtts:// for TLS. Raises InvalidArgument."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or extra:
        shown = url.rpartition("@")[2]  # never a password
        what = f'"{shown}" must be mqtt://HOST:PORT or mqtts://HOST:PORT; user and password go into the environment'
        raise InvalidArgument(Violation("--mqtt", what))
    tls = parts.scheme == "mqtts"
    return Address(parts.hostname, port or (8883 if tls else 1883), tls, client, user, password)


def mqtt_violations(url: str, pattern: str, out: str) -> list[Violation]:
    """What is wrong with the flags --mqtt, --mqtt-in and --mqtt-out together."""
    wrong = []
    if url and not pattern and not out:
        wrong.append(Violation("--mqtt", "say what for: give --mqtt-in or --mqtt-out"))
    if (pattern or out) and not url:
        wrong.append(Violation("--mqtt", "--mqtt-in and --mqtt-out need a broker"))
    if pattern and not _is_pattern(pattern):
        wrong.append(
            Violation("--mqtt-in", f'"{pattern}" is no topic: # only as the last level, + only as a whole one')
        )
    if out and (not _is_pattern(out) or set("+#") & set(out)):
        wrong.append(Violation("--mqtt-out", f'"{out}" is no topic to publish to'))
    elif pattern and out and _is_pattern(pattern) and matches(pattern, out.replace("{source}", "mqtt/x")):
        wrong.append(Violation("--mqtt-out", f'"{out}" matches --mqtt-in: results would come back as frames'))
    if url:
        try:
            address(url, "")
        except InvalidArgument as error:
            wrong += error.violations
    return wrong


def _is_pattern(topic: str) -> bool:
    """Whether it may be subscribed to: wildcards only where MQTT has them."""
    levels = topic.split("/")
    hashes = "#" not in topic or (topic.count("#") == 1 and levels[-1] == "#")
    pluses = all(level == "+" or "+" not in level for level in levels)
    return bool(topic) and "\0" not in topic and len(topic.encode()) < 65536 and hashes and pluses


def matches(pattern: str, topic: str) -> bool:
    """Whether a message to `topic` comes to those who subscribed to `pattern`."""
    return bool(topic_matches_sub(pattern, topic))


class Broker:
    """Keeps a session at the broker, which stores what comes while we are away; connects again by itself.

    `messages` holds what came in; each must be given to `acknowledge` when it is safe.
    """

    def __init__(self, where: Address, pattern: str = "") -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.connected = False
        self._where, self._pattern = where, pattern
        self._connection = 0
        self._publishing: dict[int, asyncio.Future[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = Client(
            CallbackAPIVersion.VERSION2, where.client, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self._client.reconnect_delay_set(1, 10)
        if where.user:
            self._client.username_pw_set(where.user, where.password or None)
        if where.tls:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe

    async def run(self) -> None:
        """Stays connected until cancelled."""
        self._loop = asyncio.get_running_loop()
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = FOR_EVER
        session.ReceiveMaximum = UNACKNOWLEDGED
        self._client.connect_async(
            self._where.host, self._where.port, keepalive=15, clean_start=False, properties=session
        )
        self._client.loop_start()
        try:
            await asyncio.Event().wait()
        finally:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    async def publish(self, topic: str, payload: str, frame: str) -> None:
        """Returns once the broker has it (QoS 1), however long it is away. Raises Unavailable if it refuses it."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = [(FRAME, frame)]
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = self._client.publish(topic, payload, qos=1, properties=properties)
        self._publishing[sent.mid] = taken
        await taken

    def acknowledge(self, message: Message) -> None:
        """Tells the broker that a message is safe, unless it came by a connection that is gone: it comes again."""
        if message.connection == self._connection and self.connected:
            self._client.ack(message.packet, message.qos)

    def _soon(self, step: Callable[[], None]) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(step)

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            log.warning("the broker refuses us", broker=self._where.host, why=str(code))
            return
        self._connection += 1
        self.connected = True
        log.info("connected to the broker", broker=self._where.host, port=self._where.port)
        if self._pattern:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            self._client.subscribe(self._pattern, options=options)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if self.connected:
            log.warning("no connection to the broker", broker=self._where.host, why=str(code))
        self.connected = False

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        found = Message(
            message.topic,
            bytes(message.payload),
            _frame(message),
            message.mid,
            message.qos,
            message.dup,
            self._connection,
        )
        if message.qos == 0 and self.messages.qsize() >= UNASKED:  # nothing holds such a sender back
            log.warning("a message of QoS 0 is dropped: send with QoS 1", topic=message.topic)
            return
        self._soon(lambda: self.messages.put_nowait(found))

    def _on_publish(
        self, _client: Client, _data: Any, packet: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._soon(lambda: self._published(packet, code))

    def _on_subscribe(
        self, _client: Client, _data: Any, _packet: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            log.error("the broker refuses the subscription", topic=self._pattern, why=", ".join(map(str, codes)))
        else:
            log.info("subscribed", topic=self._pattern)  # from now on the broker keeps what comes for us

    def _published(self, packet: int, code: ReasonCode) -> None:
        taken = self._publishing.pop(packet, None)
        if taken is None or taken.done():
            return
        if code.is_failure:
            taken.set_exception(Unavailable(f"the broker does not take the result: {code}"))
        else:
            taken.set_result(None)


def _frame(message: MQTTMessage) -> str:
    """The user property that names the frame, or ""."""
    given = getattr(message.properties, "UserProperty", ()) if message.properties else ()
    return next((str(value) for key, value in given if key == FRAME), "")
