"""Real clients of others: paho-mqtt, aiomqtt, amqtt and Mosquitto's own, each against the broker."""

from __future__ import annotations

import asyncio
import logging
import queue
import shutil
import socket
import subprocess
from typing import Any, cast

import aiomqtt
import amqtt.client
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.mqtt.codec import ProtocolVersion
from tests.conformance.conftest import V5, V31, V311, Connect
from tests.mqttkit import unique
from tests.mqttkit.link import Address
from tests.mqttkit.target import Target

WAIT = 10
COUNT = 100
PAHO_VERSIONS = {V31: paho.MQTTv31, V311: paho.MQTTv311, V5: paho.MQTTv5}


# -- paho


class Paho:
    """A paho client whose messages are put into a queue; its loop runs in its own thread."""

    def __init__(self, address: Address, version: ProtocolVersion, client_id: str = "", **options: Any) -> None:
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.events: queue.Queue[str] = queue.Queue()
        kwargs: dict[str, Any] = {} if version == V5 else {"clean_session": options.pop("clean", True)}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id or unique(), protocol=PAHO_VERSIONS[version], **kwargs
        )
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_connect = lambda *_: self.events.put("connected")
        self.client.on_subscribe = lambda *_: self.events.put("subscribed")
        self.client.connect(*address, keepalive=30, **options)
        self.client.loop_start()
        assert self.events.get(timeout=WAIT) == "connected"

    def subscribe(self, topic: str, qos: int) -> None:
        """Subscribe and wait for SUBACK."""
        self.client.subscribe(topic, qos)
        assert self.events.get(timeout=WAIT) == "subscribed"

    def close(self) -> None:
        """Disconnect and end the thread."""
        self.client.disconnect()
        self.client.loop_stop()


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho(address: Address, version: ProtocolVersion, qos: int) -> None:
    """A hundred messages through paho, in order, with every version and QoS."""
    topic = unique()
    reader, writer = Paho(address, version), Paho(address, version)
    reader.subscribe(topic, qos)
    infos = [writer.client.publish(topic, b"%d" % n, qos) for n in range(COUNT)]
    for info in infos:
        info.wait_for_publish(WAIT)
    got = [reader.messages.get(timeout=WAIT) for _ in range(COUNT)]
    assert [(int(m.payload), m.qos) for m in got] == [(n, qos) for n in range(COUNT)]
    reader.close()
    writer.close()


def test_paho_properties_and_sessions(address: Address) -> None:
    """MQTT 5 through paho: properties, a kept session, a retained message."""
    topic, client_id = unique(), unique()
    connecting: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    connecting.SessionExpiryInterval = 60
    reader = Paho(address, V5, client_id, clean_start=True, properties=connecting)
    reader.subscribe(topic, 1)
    reader.close()
    publishing: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    publishing.ContentType = "text/plain"
    publishing.UserProperty = [("a", "1"), ("a", "2")]
    writer = Paho(address, V5)
    writer.client.publish(topic, b"kept", 1, retain=True, properties=publishing).wait_for_publish(WAIT)
    writer.close()
    again = Paho(address, V5, client_id, clean_start=False, properties=connecting)
    message = again.messages.get(timeout=WAIT)
    assert message.payload == b"kept"
    properties: Any = message.properties
    assert properties.ContentType == "text/plain"
    assert properties.UserProperty == [("a", "1"), ("a", "2")]
    again.close()


def test_paho_comes_back_by_itself(address: Address) -> None:
    """After a cut paho reconnects and goes on with its session."""
    topic = unique()
    reader = Paho(address, V311, clean=False)
    reader.client.reconnect_delay_set(1, 1)
    reader.subscribe(topic, 1)
    cast("socket.socket", reader.client.socket()).shutdown(socket.SHUT_RDWR)
    writer = Paho(address, V311)
    writer.client.publish(topic, b"while away or back", 1).wait_for_publish(WAIT)
    assert reader.messages.get(timeout=WAIT).payload == b"while away or back"
    reader.close()
    writer.close()


# -- aiomqtt and amqtt


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_aiomqtt(address: Address, qos: int) -> None:
    """Messages through aiomqtt with MQTT 5, in order, and a will."""

    async def talk() -> None:
        topic = unique()
        host, port = address
        async with aiomqtt.Client(host, port) as reader, aiomqtt.Client(host, port) as writer:
            await reader.subscribe(f"{topic}/#", qos=qos)
            for n in range(COUNT):
                await writer.publish(f"{topic}/{n}", n, qos=qos)
            got = []
            async for message in reader.messages:
                got.append((str(message.topic), message.payload, message.qos))
                if len(got) == COUNT:
                    break
            assert got == [(f"{topic}/{n}", b"%d" % n, qos) for n in range(COUNT)]

    asyncio.run(asyncio.wait_for(talk(), 30))


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_amqtt(address: Address, qos: int, caplog: pytest.LogCaptureFixture) -> None:
    """Messages through amqtt's client with MQTT 3.1.1, in order."""
    caplog.set_level(logging.ERROR)

    async def talk() -> None:
        topic, url = unique(), "mqtt://{}:{}".format(*address)
        reader = amqtt.client.MQTTClient(unique(), config={"auto_reconnect": False})
        writer = amqtt.client.MQTTClient(unique(), config={"auto_reconnect": False})
        await reader.connect(url)
        await writer.connect(url)
        assert await reader.subscribe([(topic, qos)]) == [qos]
        for n in range(COUNT):
            await writer.publish(topic, b"%d" % n, qos=qos)
        for n in range(COUNT):
            message = await reader.deliver_message(WAIT)
            assert message is not None
            assert (message.data, message.qos) == (b"%d" % n, qos)
        await reader.disconnect()
        await writer.disconnect()

    asyncio.run(asyncio.wait_for(talk(), 30))


# -- Mosquitto's command line clients


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.mark.parametrize("protocol", ["mqttv31", "mqttv311", "mqttv5"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_pub_and_sub(address: Address, connect: Connect, broker: Target, protocol: str, qos: int) -> None:
    """mosquitto_pub to mosquitto_sub, a line for a message; a ready line first, since SUBACK is not shown."""
    host, port = address
    topic = unique()
    where = ["-h", host, "-p", str(port), "-V", protocol, "-q", str(qos)]
    subscriber = subprocess.Popen(
        [_program("mosquitto_sub"), *where, "-t", topic, "-t", f"{topic}/ready", "-C", "51"],
        stdout=subprocess.PIPE,
        text=True,
    )
    # Retained: it comes whether the subscription is made before or after it.
    connect(V5).publish(f"{topic}/ready", b"ready", qos=1, retain=True)
    assert subscriber.stdout is not None
    assert subscriber.stdout.readline() == "ready\n"
    lines = "".join(f"line {n}\n" for n in range(50))
    subprocess.run(
        [_program("mosquitto_pub"), *where, "-t", topic, "-l"], input=lines, text=True, timeout=WAIT, check=True
    )
    said, _ = subscriber.communicate(timeout=WAIT)
    assert said == lines
    assert subscriber.returncode == 0


def test_mosquitto_sub_sees_retained_and_properties(address: Address, connect: Connect) -> None:
    """What our own client publishes arrives at mosquitto_sub with its properties."""
    host, port = address
    topic = unique()
    connect(V5).publish(topic, b"kept", qos=1, retain=True, user_properties=(("k", "v"),), content_type="c")
    command = [_program("mosquitto_sub"), "-h", host, "-p", str(port), "-V", "mqttv5", "-t", topic, "-C", "1"]
    done = subprocess.run([*command, "-F", "%t %p %r %C %P"], capture_output=True, text=True, timeout=WAIT, check=True)
    assert done.stdout.strip() == f"{topic} kept 1 c k:v"
