"""Clients of others, as their users write them: paho in both versions, and Mosquitto's command line."""

from __future__ import annotations

import queue
import shutil
import subprocess
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.mqttkit.link import Address

WAIT = 10.0
V311, V5 = MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5


class Device:
    """A paho client, its loop in its own thread. ``with`` connects and disconnects."""

    def __init__(self, address: Address, client_id: str, version: MQTTProtocolVersion, clean: bool = True) -> None:
        """Prepare it; ``clean`` is clean session in 3.1.1 and clean start in 5."""
        self.client_id = client_id
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.session_present = False
        self.options: dict[str, Any] = {"clean_start": clean} if version == V5 else {}
        self._address = address
        self._told: queue.Queue[str] = queue.Queue()
        kwargs: dict[str, Any] = {} if version == V5 else {"clean_session": clean}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, **kwargs)
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self._told.put("subscribed")
        self.client.on_disconnect = lambda *_: self._told.put("disconnected")

    def __enter__(self) -> Self:
        """Connect and wait for CONNACK."""
        self.client.connect(*self._address, keepalive=30, **self.options)
        self.client.loop_start()
        self._expect("connected")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, *arguments: Any, **options: Any) -> None:
        """Subscribe as paho does and wait for SUBACK."""
        self.client.subscribe(*arguments, **options)
        self._expect("subscribed")

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait until the handshake of the QoS is done."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(WAIT)

    def receive(self, count: int) -> list[tuple[str, bytes, int]]:
        """The next messages: topic, payload, QoS."""
        got = [self.messages.get(timeout=WAIT) for _ in range(count)]
        return [(message.topic, bytes(message.payload), message.qos) for message in got]

    def _connected(self, _client: Any, _data: Any, flags: paho.ConnectFlags, reason: Any, _properties: Any) -> None:
        self.session_present = flags.session_present
        self._told.put("connected" if not reason.is_failure else f"refused: {reason}")

    def _expect(self, what: str) -> None:
        told = self._told.get(timeout=WAIT)
        assert told == what, f"{self.client_id} is {told}, not {what}"


def connect_properties(**values: object) -> Properties:
    """Properties of a CONNECT of MQTT 5, by paho's names."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def mosquitto(program: str, address: Address, *arguments: str) -> list[str]:
    """The command line of ``mosquitto_pub`` or ``mosquitto_sub``; skips the test where it isn't installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    host, port = address
    return [path, "-h", host, "-p", str(port), *arguments]


def mosquitto_pub(address: Address, *arguments: str, lines: str = "") -> None:
    """Run ``mosquitto_pub`` to its end, which must be a good one."""
    subprocess.run(mosquitto("mosquitto_pub", address, *arguments), input=lines, text=True, timeout=WAIT, check=True)
