"""Access of MQTT clients: what denied publishes and subscriptions come to, and rules that change."""

from __future__ import annotations

import pytest

from ingest.mqtt.codec import (
    DisconnectPacket,
    ProtocolVersion,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    Subscription,
    Will,
    encode,
)
from schemas.admin import (
    AclCacheCleared,
    AclRemoved,
    PluginSet,
    UserSet,
)
from schemas.events import Denied
from tests.unit.ingest.sim.house import (
    V5,
    V31,
    V311,
    codes,
    house,
    order,
    publish,
    rule,
    user,
)


async def test_denied_publishes_are_answered_in_their_turn() -> None:
    async with house(rule(False, "no/#", name="r1")) as it:
        peer = await it.client()
        heard = peer.say(
            publish("yes", 1), publish("no/1", 2), publish("yes", 3), publish("no/2", 4, 2), publish("yes", 5, 2)
        )
        assert codes(heard) == [
            ("puback", 1, 0),
            ("puback", 2, 0x87),
            ("puback", 3, 0),
            ("pubrec", 4, 0x87),
            ("pubrec", 5, 0),
        ]
        assert it.delivered == [b"1", b"3", b"5"]
        assert [(d.topic, d.qos, d.packet_id, d.rule, d.count) for d in it.of(Denied)] == [
            ("no/1", 1, 2, "r1", 1),
            ("no/2", 2, 4, "r1", 1),
        ]
        assert peer.connection.receiving == 1  # the QoS 2 one that is not released
        assert peer.connection.pending == 0
        assert codes(peer.say(publish("no/2", 4, 2))) == [("pubrec", 4, 0x87)]
        assert it.broker.node.counters.totals["access.denied.publish"] == 3


@pytest.mark.parametrize("version", [V31, V311])
async def test_mqtt_3_has_no_word_for_a_denied_publish(version: ProtocolVersion) -> None:
    async with house(rule(False, "no")) as it:
        peer = await it.client("a", version)
        heard = peer.say(publish("no", 1), publish("no", 2, 2))
        assert codes(heard) == [("puback", 1, 0), ("pubrec", 2, 0)]
        assert codes(peer.say(PubrelPacket(2))) == [("pubcom", 2, 0)]
        assert it.delivered == []
        assert peer.connection.receiving == 0


@pytest.mark.parametrize("version", [V311, V5])
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_denied_publish_ends_the_connection_where_that_is_wanted(version: ProtocolVersion, qos: int) -> None:
    async with house(rule(False, "no"), clients={"deny_action": "disconnect"}) as it:
        peer = await it.client("a", version)
        heard = peer.say(publish("no", 1, qos), publish("yes", 2))
        assert [p.reason_code for p in heard if isinstance(p, DisconnectPacket)] == ([0x87] if version == V5 else [])
        assert peer.transport.is_closing()
        assert it.delivered == []


async def test_denied_publishes_of_qos_0_are_told_of_together() -> None:
    """Given a client that may not publish, when it publishes a lot, then the log hears of the first at once, of the
    others later in one event, and of the rest at the end."""
    async with house(rule(False, "no")) as it:
        peer = await it.client()
        peer.say(*[publish("no", 0, 0) for _ in range(100)])
        assert [d.count for d in it.of(Denied)] == [1]
        it.broker.server.timers.now += 10
        peer.say(publish("no", 0, 0))
        assert [d.count for d in it.of(Denied)] == [1, 100]
        peer.say(publish("no", 0, 0), publish("no", 0, 0))
        peer.say(DisconnectPacket())
        assert sum(d.count for d in it.of(Denied)) == 103
        assert it.delivered == []


@pytest.mark.parametrize(("version", "denied"), [(V5, 0x87), (V311, 0x80)])
async def test_denied_subscriptions(version: ProtocolVersion, denied: int) -> None:
    async with house(rule(False, "secret/#", name="1"), rule(False, "eq $SYS/#", name="2")) as it:
        peer = await it.client("a", version)
        asked = tuple(Subscription(f, 1) for f in ("a/#", "secret/x", "#", "+/x", "$SYS/#", "$SYS/+"))
        heard = peer.say(SubscribePacket(1, asked))[0]
        assert heard == SubackPacket(1, tuple(ReasonCode(c) for c in (1, denied, denied, denied, denied, 1)))
        session = it.broker.node.sessions["default", "a"]
        assert session.state is not None
        assert set(session.state.subscriptions) == {"a/#", "$SYS/+"}


@pytest.mark.parametrize(("version", "code"), [(V5, 0x87), (V311, 5)])
async def test_a_will_that_is_not_allowed_is_not_let_in(version: ProtocolVersion, code: int) -> None:
    async with house(rule(False, "no")) as it:
        assert await it.turned_away(version, will=Will("no", b"gone", 0, False)) == code
        await it.client("b", version, will=Will("yes", b"gone", 0, False))


async def test_rules_change_while_clients_are_connected() -> None:
    async with house() as it:
        peer = await it.client()
        assert codes(peer.say(publish("x", 1), publish("x", 2))) == [("puback", 1, 0), ("puback", 2, 0)]
        it.say(rule(False, "x", name="r1"))
        assert codes(peer.say(publish("x", 1), publish("x", 2))) == [("puback", 1, 0x87), ("puback", 2, 0x87)]
        it.say(rule(True, "x", name="r2", place=1))
        assert codes(peer.say(publish("x", 1), publish("x", 2))) == [("puback", 1, 0), ("puback", 2, 0)]
        it.say(AclRemoved(order(), "default", "r2"), AclCacheCleared(order(), "*"))
        assert codes(peer.say(publish("x", 1))) == [("puback", 1, 0x87)]
        it.say(PluginSet(order(), "acl", False))
        assert codes(peer.say(publish("x", 1))) == [("puback", 1, 0)]
        it.say(PluginSet(order(), "acl", True))
        assert codes(peer.say(publish("x", 1))) == [("puback", 1, 0x87)]
        it.say(AclRemoved(order(), "default", "r1"))
        assert codes(peer.say(publish("x", 1))) == [("puback", 1, 0)]


async def test_rules_are_of_one_tenant_and_no_concern_of_superusers() -> None:
    users = user("alice", "1", "acme"), user("root", "2", "acme", superuser=True)
    async with house(*users, rule(False, "#", tenant="acme"), tenant_from="username") as it:
        other = await it.client("a")
        alice = await it.client("a", username="acme/alice", password="1")
        root = await it.client("r", username="acme/root", password="2")
        assert codes(other.say(publish("x", 1))) == [("puback", 1, 0)]
        assert codes(alice.say(publish("x", 1))) == [("puback", 1, 0x87)]
        assert codes(root.say(publish("x", 1))) == [("puback", 1, 0)]
        same = it.admin.users["acme", "root"].password
        it.say(UserSet(order(), "set", "acme", "root", same, False))
        assert codes(root.say(publish("x", 1))) == [("puback", 1, 0x87)]


async def test_the_default_may_be_to_deny() -> None:
    async with house(rule(True, "d/%c/#"), clients={"acl_default": "deny", "acl_cache": 2}) as it:
        peer = await it.client("me")
        topics = [f"d/me/{n}" for n in range(5)] + ["d/you/1", "x"]
        heard = codes(peer.say(*[publish(topic, n + 1) for n, topic in enumerate(topics)]))
        assert [code for _, _, code in heard] == [0, 0, 0, 0, 0, 0x87, 0x87]
        again = codes(peer.say(*[publish(topic, n + 1) for n, topic in enumerate(topics)]))
        assert again == heard
        wide = await it.client("+")
        assert codes(wide.say(publish("d/you/1", 1))) == [("puback", 1, 0x87)]
        suback = wide.say(SubscribePacket(1, (Subscription("d/+/#", 0),)))[0]
        assert suback == SubackPacket(1, (ReasonCode.NOT_AUTHORIZED,))


async def test_a_command_subscribes_a_client_to_what_rules_allow_only() -> None:
    """Given a session, connected or away, when somebody subscribes it on its behalf, then its rules are asked."""
    async with house(rule(False, "secret/#", client_id="a")) as it:
        peer = await it.client("a")
        session = it.broker.node.sessions["default", "a"]
        for _ in range(2):
            assert not it.broker.access.may_subscribe(session, "secret/x")
            assert it.broker.access.may_subscribe(session, "x")
            peer.say(DisconnectPacket())
        assert session.connection is None


async def test_what_is_remembered_is_forgotten_by_topic() -> None:
    async with house(rule(False, "no")) as it:
        peer = await it.client()
        peer.say(publish("yes", 1), publish("no", 2), publish("other", 3))
        judge = peer.connection.judged()
        assert set(judge.publishable) == {"yes", "other"}
        it.broker.access.forget(peer.connection, "yes")
        assert set(judge.publishable) == {"other"}
        it.broker.access.forget(peer.connection, "")
        assert set(judge.publishable) == set()
        assert codes(peer.say(publish("yes", 1), publish("no", 2))) == [("puback", 1, 0), ("puback", 2, 0x87)]


@pytest.mark.parametrize("landed", [True, False])
async def test_a_denied_publish_is_answered_once_when_an_append_fails(landed: bool) -> None:
    """Given denied publishes on their way to the log, when the append fails and is made again, whether or not it had
    landed, then each is answered once."""
    async with house(rule(False, "no")) as it:
        peer = await it.client()
        data = b"".join(encode(publish("no", n, qos), V5) for n, qos in ((1, 1), (2, 2)))
        peer.heard.clear()
        peer.connection.data_received(data)
        partition = peer.connection.partition
        it.broker.journal.seal(partition)
        late = it.broker.rebuild([] if landed else [partition])
        it.broker.drain()
        for flight in late:
            flight.land()
        it.broker.watch()
        assert codes(peer.heard) == [("puback", 1, 0x87), ("pubrec", 2, 0x87)]
        assert (peer.connection.receiving, peer.connection.pending) == (0, 0)
