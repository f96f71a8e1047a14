"""Topic filters against topic names (MQTT 5.0, 4.7) and subscriptions that overlap (3.3.4)."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import ProtocolVersion
from tests.conformance.conftest import V5, V311, Connect
from tests.mqttkit import quiet, unique
from tests.mqttkit.client import properties_of

# filter, topics that match, topics that don't; "@" stands for a level of the test's own
MATCHES = [
    ("@", ["@"], ["@/", "/@", "@/b", "b/@"]),
    ("@/", ["@/"], ["@", "@//"]),
    ("/@", ["/@"], ["@", "//@"]),
    ("@/#", ["@", "@/", "@/b", "@/b/c", "@//"], ["b", "/@", "@b"]),
    ("@/+", ["@/b", "@/", "@/$b"], ["@", "@/b/c", "@/b/"]),
    ("@/+/+", ["@//", "@/b/c"], ["@/b"]),
    ("@/+/#", ["@/b", "@/b/c", "@/"], ["@"]),
    ("@/+/c", ["@/b/c", "@//c"], ["@/c", "@/b/b/c"]),
    ("+/@", ["/@", "b/@"], ["@", "b/c/@"]),
    ("+/@/#", ["b/@", "b/@/c/d"], ["@/b"]),
    ("+/+/@", ["//@", "b/c/@"], ["/@"]),
    ("@/b", ["@/b"], ["@/B", "@/b ", "@/ b"]),
    ("@/ ", ["@/ "], ["@/", "@"]),
    ("@/ü/☃", ["@/ü/☃"], ["@/u\u0308/☃"]),
    ("@/$SYS/#", ["@/$SYS/x"], ["@/SYS/x"]),
]


@pytest.mark.parametrize(("pattern", "matching", "others"), MATCHES, ids=[row[0] for row in MATCHES])
def test_matching(connect: Connect, pattern: str, matching: list[str], others: list[str]) -> None:
    """[MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-4], [MQTT-3.3.2-3], [MQTT-4.5.0-1]: level by level, exactly."""
    level = unique()
    reader, writer = connect(V5), connect(V311)
    reader.subscribed(pattern.replace("@", level))
    for topic in (*others, *matching):
        writer.publish(topic.replace("@", level), topic.encode())
    for topic in matching:
        reader.expect_message(topic.replace("@", level), topic.encode())
    quiet(reader, connect(V311))
    writer.publish(level + "/end", b"", qos=1)


@pytest.mark.parametrize("pattern", ["#", "+/#", "+/+", "/#"])
def test_wildcards_at_the_front_leave_dollar_topics_alone(connect: Connect, pattern: str) -> None:
    """[MQTT-4.7.2-1]: only a filter that begins with the same "$" level matches them."""
    level = unique()
    reader, exact, writer = connect(V5), connect(V5), connect(V5)
    reader.subscribed(pattern)
    exact.subscribed(f"$own/{level}")
    writer.publish(f"$own/{level}", b"hidden", qos=1)
    exact.expect_message(f"$own/{level}", b"hidden")
    sentinel = f"/{level}" if pattern == "/#" else f"{level}/b"
    writer.publish(sentinel, b"seen", qos=1)
    while (message := reader.expect_message()).topic != sentinel:
        assert not message.topic.startswith("$")


def test_dollar_filters_with_wildcards_behind(connect: Connect) -> None:
    """[MQTT-4.7.2-1]: wildcards below the "$" level are like any other."""
    level = unique()
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(f"$own/{level}/#", f"$own/+/{level}")
    writer.publish(f"$own/{level}/x", b"1", qos=1)
    writer.publish(f"$own/x/{level}", b"2", qos=1)
    reader.expect_message(f"$own/{level}/x", b"1")
    reader.expect_message(f"$own/x/{level}", b"2")


def test_topic_of_64_kib(connect: Connect) -> None:
    """[MQTT-4.7.3-3]: 65,535 bytes are allowed in a name."""
    base = unique()
    topic = f"{base}/".ljust(65_535, "x")
    for version in (V311, V5):
        reader, writer = connect(version), connect(version)
        reader.subscribed(f"{base}/#", qos=1)
        writer.publish(topic, b"long", qos=1)
        reader.expect_message(topic, b"long")


def test_long_filter(connect: Connect) -> None:
    """A filter longer than the broker can keep is refused by itself; a long one is kept; the client stays."""
    base = unique()
    client = connect(V5)
    longest = f"{base}/".ljust(1_536, "x")
    codes = client.subscribe(longest, longest + "x").reason_codes
    assert codes[0] == 0
    if codes[1] == 0:  # a broker without this limit
        return
    assert codes[1] >= 0x80
    client.publish(longest, b"long")
    client.expect_message(longest, b"long")


@pytest.mark.mosquitto_differs("it disconnects")
def test_too_many_levels(connect: Connect) -> None:
    """A filter with more levels than the broker allows is refused by itself; the client stays."""
    client = connect(V5)
    assert client.subscribe("/" * 1_000).reason_codes[0] >= 0x80
    client.ping()


# -- overlapping subscriptions


def test_overlapping_subscriptions_of_mqtt_5(connect: Connect) -> None:
    """[MQTT-3.3.4-2], [MQTT-3.3.4-4], [MQTT-3.3.4-5]: one copy with all identifiers, or one for each."""
    base = unique()
    reader, writer = connect(V5), connect(V5)
    reader.subscribed(base + "/#", qos=0, identifier=1)
    reader.subscribed(base + "/+", qos=2, identifier=2)
    reader.subscribed(base + "/a", qos=1, identifier=3)
    writer.publish(base + "/a", b"m", qos=2)
    identifiers: list[int] = []
    highest = 0
    while len(identifiers) < 3:
        message = reader.expect_message(base + "/a", b"m")
        highest = max(highest, message.qos)
        identifiers += properties_of(message).subscription_identifiers
    assert sorted(identifiers) == [1, 2, 3]
    assert highest == 2
    quiet(reader, writer)


@pytest.mark.parametrize("published", [0, 1, 2])
def test_overlapping_subscriptions_of_mqtt_3(connect: Connect, published: int) -> None:
    """3.1.1 [MQTT-3.3.5-1]: the highest QoS of the matching subscriptions is honoured; further copies may come."""
    base = unique()
    reader, writer = connect(V311), connect(V311)
    reader.subscribed(base + "/#", qos=0)
    reader.subscribed(base + "/+", qos=2)
    writer.publish(base + "/a", b"m", qos=published)
    writer.publish(base, b"end", qos=1)
    seen: list[int] = []
    while (message := reader.expect_message()).payload != b"end":
        seen.append(message.qos)
    assert max(seen) == published
    assert len(seen) <= 2


def test_many_readers(connect: Connect, version: ProtocolVersion, topic: str) -> None:
    """[MQTT-4.5.0-1]: every one of fifty readers gets every message, in order."""
    readers = [connect(version) for _ in range(50)]
    for reader in readers:
        reader.subscribed(topic, qos=1)
    writer = connect(version)
    for n in range(10):
        writer.publish(topic, b"%d" % n, qos=1)
    for reader in readers:
        for n in range(10):
            reader.expect_message(topic, b"%d" % n)
