"""What clients of each version see of commands: DISCONNECT where the version has one, the end of the socket, wills,
subscriptions that nobody asked for. Only for our own broker: Mosquitto has no commands."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import DisconnectPacket, ProtocolVersion, PublishPacket, PubrecPacket
from schemas.events import AnyEvent, Expire, Kick, Publish, Subscribe, Subscription, Unsubscribe
from tests.conformance.conftest import V5, V31, V311, Connect
from tests.integration.ingest import asker
from tests.integration.ingest.asker import order
from tests.mqttkit import unique
from tests.mqttkit.client import quiet, will
from tests.mqttkit.node import Node
from tests.mqttkit.target import Target

NEVER = 0xFFFFFFFF


def ask(broker: Target, event: AnyEvent, *, everywhere: bool = False) -> None:
    """Append a command as an API process does."""
    if not isinstance(broker, Node):
        pytest.skip("only our own broker takes commands")
    asker.ask(broker.kafka, event, everywhere=everywhere)


def test_a_kicked_client_is_told_and_its_session_is_over(
    broker: Target, connect: Connect, version: ProtocolVersion, topic: str
) -> None:
    """DISCONNECT 0x98 with actor and reason [MQTT-3.14.2-1], only in MQTT 5; the will is published [MQTT-3.1.2-8]."""
    watcher = connect(V5)
    watcher.subscribed(topic)
    kept = {"clean": False, "session_expiry_interval": NEVER} if version == V5 else {"clean": False}
    client = connect(version, **kept, will=will(topic, b"gone"))
    ask(broker, Kick("default", client.client_id, order(), "maintenance", True))
    if version == V5:
        goodbye = client.expect(DisconnectPacket)
        assert goodbye.reason_code == 0x98
        assert goodbye.properties.reason_string == "kicked by ann: maintenance"
    assert client.drain() == []
    watcher.expect_message(topic, b"gone")
    again = connect(version, client.client_id, **kept)
    assert not again.session_present


def test_a_disconnected_client_keeps_its_session(broker: Target, connect: Connect, topic: str) -> None:
    """The session goes on, and has what came meanwhile."""
    client = connect(V311, clean=False)
    client.subscribed(topic, qos=1)
    ask(broker, Kick("default", client.client_id, order(), "", False))
    assert client.drain() == []
    connect(V5).publish(topic, b"meanwhile", qos=1)
    again = connect(V311, client.client_id, clean=False)
    assert again.session_present
    again.expect_message(topic, b"meanwhile")


def test_a_kick_in_the_middle_of_qos_2(broker: Target, connect: Connect, topic: str) -> None:
    """A publish that was taken (PUBREC) and not released when the session ended is delivered once, and its identifier
    is free afterwards [MQTT-4.3.3-10]."""
    subscriber = connect(V5)
    subscriber.subscribed(topic, qos=2)
    client = connect(V5, clean=False, session_expiry_interval=NEVER)
    client.send_publish(topic, b"one", qos=2, packet_id=7)
    client.take(PubrecPacket, packet_id=7)
    ask(broker, Kick("default", client.client_id, order(), "", True))
    client.drain()
    again = connect(V5, client.client_id, clean=False, session_expiry_interval=NEVER)
    assert not again.session_present
    again.send_publish(topic, b"two", qos=2, packet_id=7)
    again.finish_publish(7, 2)
    subscriber.expect_message(topic, b"one")
    subscriber.expect_message(topic, b"two")
    quiet(subscriber, again)


def test_subscriptions_on_behalf(broker: Target, connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """A client gets retained messages and what is published after a subscription by command, and nothing once that is
    taken away; it is sent no SUBACK that it did not ask for."""
    publisher = connect(V5)
    publisher.publish(topic, b"kept", qos=1, retain=True)
    client = connect(version)
    ask(broker, Subscribe("default", client.client_id, order(), [Subscription(topic, 1)]))
    client.expect_message(topic, b"kept", retain=True)
    publisher.publish(topic, b"new", qos=1)
    client.expect_message(topic, b"new")
    ask(broker, Unsubscribe("default", client.client_id, order(), [topic]))
    sentinel = unique("after")
    client.subscribed(sentinel)
    publisher.publish(topic, b"late", qos=1)
    publisher.publish(sentinel, b"end", qos=1)
    client.expect_message(sentinel, b"end")


def test_a_publish_by_command(broker: Target, connect: Connect, topic: str) -> None:
    """It comes with its properties; retained it is there for later subscribers; an empty one clears."""
    client = connect(V5)
    client.subscribed(topic, qos=2)
    content_type = b"\x03\x00\x04text"
    ask(broker, Publish("default", "x", order(), topic, 2, True, True, False, content_type, b"hello"))
    message = client.expect_message(topic, b"hello", qos=2)
    assert message.properties == content_type
    later = connect(V31)
    later.subscribed(topic, qos=1)
    later.expect_message(topic, b"hello", retain=True)
    ask(broker, Publish("default", "x", order(), topic, 0, True, False, False, b"", b""))
    last = connect(V5)
    last.subscribed(topic)
    quiet(last, connect(V5))


def test_sessions_of_a_tenant_end(broker: Target, connect: Connect) -> None:
    """Of another tenant nothing ends, and of this one only those that have been away for so long."""
    client = connect(V5, clean=False, session_expiry_interval=NEVER)
    ask(broker, Expire("another", order(), 0), everywhere=True)
    ask(broker, Expire("default", order(), 3_600), everywhere=True)
    ask(broker, Publish("default", client.client_id, order(), "x", 0, False, True, False, b"", b""))
    topic = unique("still")
    client.subscribed(topic)
    client.publish(topic, b"here", qos=1)
    message = client.expect(PublishPacket)
    assert message.payload == b"here"
