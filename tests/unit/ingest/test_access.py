"""Access of MQTT clients: who is let in, what denied publishes and subscriptions come to, who has to go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from argon2 import PasswordHasher

from domain.admin import AdminState
from ingest.access.passwords import BusyError, Passwords
from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    ConnectProperties,
    DisconnectPacket,
    Packet,
    ProtocolVersion,
    PubackPacket,
    PubcompPacket,
    PublishPacket,
    PubrecPacket,
    PubrelPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    Subscription,
    Will,
    encode,
)
from ingest.settings import ClientSettings
from schemas.admin import (
    AclAdded,
    AclCacheCleared,
    AclRemoved,
    AdminEvent,
    Banned,
    PluginSet,
    Unbanned,
    UserRemoved,
    UserSet,
)
from schemas.commands import Order
from schemas.events import AnyEvent, Connected, Denied, Disconnected, Published, Refused
from schemas.frames import read_frame
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.broker import Broker, settings
from tests.unit.ingest.sim.log import Log
from tests.unit.ingest.sim.peer import Peer

V31, V311, V5 = ProtocolVersion.V31, ProtocolVersion.V311, ProtocolVersion.V5
HASHER = PasswordHasher(1, 8, 1)
NOT_AUTHORIZED, SUCCESS = ReasonCode.NOT_AUTHORIZED, ReasonCode.SUCCESS
HERE = "127.0.0.1"


def order(name: str = "o") -> Order:
    return Order(name, "admin", HERE, "c", 0)


def user(name: str, password: str, tenant: str = "default", superuser: bool = False) -> UserSet:
    return UserSet(order(), "set", tenant, name, HASHER.hash(password), superuser)


def rule(allow: bool, topic: str, action: str = "all", name: str = "r", **fields: Any) -> AclAdded:
    return AclAdded(order(name), fields.pop("tenant", "default"), allow, action, topic, **fields)


def ban(kind: str, who: str, until: int = 0, tenant: str = "default") -> Banned:
    return Banned(order(), "set", tenant, kind, who, "admin", "", 0, until)


class House:
    """A broker and what its administrators say."""

    def __init__(self, clients: dict[str, Any], mqtt: dict[str, Any]) -> None:
        wanted = replace(settings(**mqtt), clients=replace(ClientSettings(), **clients))
        self.broker = Broker(Log(3), wanted)
        self._offset = 0

    @property
    def admin(self) -> AdminState:
        return self.broker.admin

    def say(self, *events: AdminEvent) -> None:
        """Events of mq.admin, applied by the node."""
        for event in events:
            assert self.admin.apply(event, self._offset, 0) == "done"
            self._offset += 1
            self.broker.server.admin_changed(event)
        self.broker.node.delivery.flush()
        self.broker.drain()

    async def join(
        self,
        name: str = "a",
        version: ProtocolVersion = V5,
        username: str | None = None,
        password: str | bytes | None = None,
        will: Will | None = None,
    ) -> tuple[Peer, ConnackPacket]:
        """A client that says CONNECT, and what it is answered."""
        peer = Peer(self.broker, version)
        secret = password.encode() if isinstance(password, str) else password
        properties = ConnectProperties(session_expiry_interval=100) if version == V5 else ConnectProperties()
        packet = ConnectPacket(version, name, False, 0, username, secret, will, properties=properties)
        peer.say(packet)
        await self.answers([peer])
        answer = peer.heard[0]
        assert isinstance(answer, ConnackPacket)
        return peer, answer

    async def answers(self, peers: list[Peer], count: int = 1) -> None:
        """Every one of these has heard so many packets."""

        def answered() -> bool:
            self.broker.drain()
            return all(len(peer.heard) >= count for peer in peers)

        await eventually(answered)

    async def client(self, name: str = "a", version: ProtocolVersion = V5, **options: Any) -> Peer:
        """One that is let in."""
        peer, answer = await self.join(name, version, **options)
        assert answer.reason_code == 0, answer
        return peer

    async def turned_away(self, version: ProtocolVersion = V5, **options: Any) -> int:
        """The code with which a client is not let in."""
        peer, answer = await self.join(options.pop("name", "a"), version, **options)
        assert answer.reason_code != 0
        assert peer.transport.is_closing()
        return answer.reason_code

    @property
    def events(self) -> list[AnyEvent]:
        """All that is in the log."""
        records = [record for partition in self.broker.log.records for record in partition]
        return [event for r in records for event in read_frame(r.headers, r.value).event_list()]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    @property
    def delivered(self) -> list[bytes]:
        return [event.payload for event in self.of(Published)]


@asynccontextmanager
async def house(*events: AdminEvent, clients: dict[str, Any] | None = None, **mqtt: Any) -> AsyncIterator[House]:
    """A broker that runs, and knows what ``events`` say."""
    made = House(clients or {}, mqtt)
    for event in events:
        made.admin.apply(event, made._offset, 0)
        made._offset += 1
    made.broker.access.begin()
    await made.broker.start()
    yield made
    made.broker.access.close()
    await made.broker.stop_reading()


def publish(topic: str, packet_id: int, qos: int = 1, payload: bytes = b"") -> PublishPacket:
    return PublishPacket(topic, payload or f"{packet_id}".encode(), qos, packet_id=packet_id if qos else 0)


def codes(heard: list[Packet]) -> list[tuple[str, int, int]]:
    return [
        (type(p).__name__[:6].lower(), p.packet_id, int(p.reason_code))
        for p in heard
        if isinstance(p, PubackPacket | PubrecPacket | PubcompPacket)
    ]


# Coming in


async def test_in_the_open_anyone_comes_in_but_a_user_needs_its_password() -> None:
    async with house(user("alice", "secret")) as it:
        await it.client("a")
        await it.client("b", username="whoever", password="x")
        await it.client("c", username="alice", password="secret")
        assert await it.turned_away(name="d", username="alice", password="wrong") == 0x86
        assert await it.turned_away(V311, name="e", username="alice", password="wrong") == 4
        assert await it.turned_away(name="f", username="alice") == 0x87
        refused = it.of(Refused)
        assert sorted((r.client_id, r.username, r.reason_code) for r in refused) == [
            ("d", "alice", 0x86),
            ("e", "alice", 0x86),
            ("f", "alice", 0x87),
        ]


@pytest.mark.parametrize(("version", "wrong", "missing"), [(V5, 0x86, 0x87), (V311, 4, 5), (V31, 4, 5)])
async def test_where_passwords_are_required_nobody_comes_in_without(
    version: ProtocolVersion, wrong: int, missing: int
) -> None:
    async with house(user("alice", "secret"), authentication="required") as it:
        await it.client("a", version, username="alice", password="secret")
        await it.client("a2", version, username="alice", password="secret")
        assert await it.turned_away(version, name="b") == missing
        assert await it.turned_away(version, name="c", username="alice", password="") == wrong
        assert await it.turned_away(version, name="d", username="bob", password="secret") == wrong
        assert await it.turned_away(version, name="e", username="alice", password=b"\0" * 65_535) == wrong
        assert await it.turned_away(version, name="f", username="x" * 65_535, password="secret") == wrong


async def test_a_client_whose_password_is_verified_may_say_more_and_it_waits() -> None:
    async with house(user("alice", "secret"), authentication="required") as it:
        peer = Peer(it.broker, V311)
        connect = ConnectPacket(V311, "a", True, 0, "alice", b"secret")
        assert peer.say(connect, publish("x", 1)) == []
        await it.answers([peer], 2)
        assert codes(peer.heard) == [("puback", 1, 0)]


async def test_the_password_changes_while_it_is_verified() -> None:
    """Given a client whose right password is being verified, when the user gets another, then it is wrong."""
    async with house(user("alice", "secret"), authentication="required") as it:
        peer = Peer(it.broker, V5)
        peer.say(ConnectPacket(V5, "a", True, 0, "alice", b"secret"))
        it.say(user("alice", "other"))
        await it.answers([peer])
        assert isinstance(peer.heard[0], ConnackPacket)
        assert peer.heard[0].reason_code == 0x86


async def test_a_ban_comes_while_a_client_is_on_its_way_through_the_log() -> None:
    async with house() as it:
        peer = Peer(it.broker, V5)
        peer.connection.data_received(encode(ConnectPacket(V5, "a", True, 0), V5))
        it.say(ban("clientid", "a"))
        it.broker.drain()
        assert [p.reason_code for p in peer.heard if isinstance(p, ConnackPacket)] == [0x87]
        assert peer.transport.is_closing()
        assert it.of(Disconnected)[-1].reason == "banned"


async def test_the_module_of_passwords_is_switched() -> None:
    async with house(user("alice", "secret")) as it:
        it.say(PluginSet(order(), "password_authentication", True))
        assert await it.turned_away() == 0x87
        it.say(PluginSet(order(), "password_authentication", False))
        await it.client()


async def test_beyond_loopback_no_switch_lets_strangers_in() -> None:
    async with house(authentication="required", host="0.0.0.0") as it:
        it.say(PluginSet(order(), "password_authentication", False))
        assert await it.turned_away() == 0x87


# Tenants


async def test_a_tenant_is_entered_with_a_password_only() -> None:
    """Given a node where anyone may come into the default tenant, then nobody comes into another one by its name."""
    async with house(user("alice", "secret", "acme"), user("alice", "other"), tenant_from="username") as it:
        await it.client("a", username="acme/alice", password="secret")
        await it.client("a", username="default/alice", password="other")
        assert await it.turned_away(name="b", username="acme/bob") == 0x87
        assert await it.turned_away(name="c", username="acme/alice", password="other") == 0x86
        assert await it.turned_away(name="d", username="none/alice", password="secret") == 0x86
        assert await it.turned_away(name="e", username="/alice", password="secret") == 0x86
        assert await it.turned_away(name="f", username="*/alice", password="secret") == 0x86
        connected = [(c.tenant, c.client_id, c.username) for c in it.of(Connected)]
        assert connected == [("acme", "a", "alice"), ("default", "a", "alice")]
        assert len(it.broker.node.sessions) == 2
        assert {(r.tenant, r.username) for r in it.of(Refused)} == {
            ("acme", "bob"),
            ("acme", "alice"),
            ("default", "none/alice"),
            ("default", "/alice"),
            ("default", "*/alice"),
        }


async def test_without_tenants_a_separator_is_a_character() -> None:
    async with house() as it:
        await it.client("a", username="acme/alice")
        assert [(c.tenant, c.username) for c in it.of(Connected)] == [("default", "acme/alice")]


async def test_quotas_of_a_tenant_are_no_concern_of_another() -> None:
    """Given as much as one tenant may have, when a client of it asks for more, then it is refused, and another tenant
    has what it had."""
    limits: dict[str, Any] = {
        "max_sessions_per_tenant": 1,
        "max_subscriptions_per_tenant": 2,
        "max_retained_messages_per_tenant": 1,
    }
    users = user("u", "1", "acme"), user("u", "2", "rival")
    async with house(*users, tenant_from="username", **limits) as it:
        mine = await it.client("a", username="acme/u", password="1")
        assert await it.turned_away(name="b", username="acme/u", password="1") == 0x97
        theirs = await it.client("b", username="rival/u", password="2")
        for peer, code in ((mine, ReasonCode.QUOTA_EXCEEDED), (theirs, ReasonCode.QUOTA_EXCEEDED)):
            assert peer.say(SubscribePacket(1, (Subscription("x", 0), Subscription("y", 0))))[0] == SubackPacket(
                1, (ReasonCode.GRANTED_QOS_0, ReasonCode.GRANTED_QOS_0)
            )
            assert peer.say(SubscribePacket(2, (Subscription("z", 0),)))[0] == SubackPacket(2, (code,))
            kept = PublishPacket("r/1", b"1", 1, True, packet_id=1)
            more = PublishPacket("r/2", b"2", 1, True, packet_id=2)
            assert codes(peer.say(kept)) == [("puback", 1, 0)]
            assert codes(peer.say(more)) == [("puback", 2, 0x97)]
        clear = PublishPacket("r/1", b"", 1, True, packet_id=3)
        assert codes(mine.say(clear)) == [("puback", 3, 0)]
        assert codes(mine.say(PublishPacket("r/2", b"2", 1, True, packet_id=4))) == [("puback", 4, 0)]
        retained = {name: len(routes.retained) for name, routes in it.broker.node.routes.items()}
        assert retained == {"acme": 1, "rival": 1}


async def test_a_session_that_is_over_makes_room_in_its_tenant() -> None:
    async with house(max_sessions_per_tenant=1) as it:
        peer = Peer(it.broker, V311)
        peer.say(ConnectPacket(V311, "a", True, 0))
        assert await it.turned_away(V311, name="b") == 3
        peer.say(DisconnectPacket())
        await it.client("b", V311)


# Bans


@pytest.mark.parametrize(("kind", "who"), [("clientid", "a"), ("username", "alice"), ("peerhost", HERE)])
async def test_who_is_banned_goes_and_stays_away_until_the_end(kind: str, who: str) -> None:
    async with house() as it:
        peer = await it.client("a", username="alice")
        other = await it.client("b", V311, username="bob") if kind != "peerhost" else None
        now = it.broker.node.now()
        peer.heard.clear()
        it.say(ban(kind, who, now + 1_000))
        assert [p.reason_code for p in peer.heard if isinstance(p, DisconnectPacket)] == [0x98]
        assert peer.transport.is_closing()
        assert other is None or not other.transport.is_closing()
        assert it.of(Disconnected)[-1].reason == "banned"
        assert await it.turned_away(name="a", username="alice") == 0x8A
        assert await it.turned_away(V311, name="a", username="alice") == 5
        it.broker.log.time = now + 1_000
        await it.client("a", username="alice")


async def test_a_ban_ends_by_order_and_is_of_one_tenant() -> None:
    async with house(user("alice", "secret", "acme"), tenant_from="username") as it:
        it.say(ban("clientid", "a"), ban("username", "alice", tenant="other"))
        await it.client("a", username="acme/alice", password="secret")
        assert await it.turned_away(name="a") == 0x8A
        it.say(Unbanned(order(), "default", "clientid", "a"))
        await it.client("a")


async def test_a_user_that_is_removed_or_has_another_password_goes() -> None:
    async with house(user("alice", "1"), user("bob", "2"), user("carol", "3")) as it:
        alice = await it.client("a", username="alice", password="1")
        bob = await it.client("b", username="bob", password="2")
        carol = await it.client("c", username="carol", password="3")
        stranger = await it.client("d", username="dave")
        it.say(UserRemoved(order(), "default", "alice"), user("bob", "4"), user("dave", "5"))
        assert [p.transport.is_closing() for p in (alice, bob, carol, stranger)] == [True, True, False, True]
        reasons = {d.client_id: d.reason for d in it.of(Disconnected)}
        assert reasons == {
            "a": "the user was removed",
            "b": "the user has another password",
            "d": "the user has another password",
        }


# Rules


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
        assert suback == SubackPacket(1, (NOT_AUTHORIZED,))


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


# Passwords


class Waiting:
    """Somebody who waits for an answer."""

    def __init__(self) -> None:
        self.is_closed = False
        self.answers: list[bool] = []

    def verified(self, known: bool) -> None:
        self.answers.append(known)


async def ask(passwords: Passwords, stored: str, password: bytes, name: str = "u") -> bool:
    """The answer, waited for."""
    waiting = Waiting()
    answer = passwords.ask(("t", name, stored, password), HERE, waiting)
    if answer is None:
        await eventually(lambda: waiting.answers)
        answer = passwords.ask(("t", name, stored, password), HERE, waiting)
    assert answer is not None
    return answer


async def test_answers_are_remembered_for_the_stored_hash_and_the_user() -> None:
    passwords, stored = Passwords(1, 10, 5.0, 2), HASHER.hash("secret")
    assert await ask(passwords, stored, b"secret")
    assert not await ask(passwords, stored, b"wrong")
    for password, answer in ((b"secret", True), (b"wrong", False)):
        assert passwords.ask(("t", "u", stored, password), HERE, Waiting()) is answer
    for question in (
        ("t", "v", stored, b"secret"),
        ("s", "u", stored, b"secret"),
        ("t", "u", HASHER.hash("x"), b"secret"),
    ):
        assert passwords.ask(question, HERE, Waiting()) is None
    for other in (b"1", b"2"):
        assert not await ask(passwords, stored, other)
    assert passwords.ask(("t", "u", stored, b"wrong"), HERE, Waiting()) is None
    passwords.close()


async def test_those_who_ask_the_same_wait_for_one_answer() -> None:
    passwords, stored = Passwords(1, 1, 5.0, 10), HASHER.hash("secret")
    first = Waiting()
    assert passwords.ask(("t", "x", stored, b"other"), HERE, first) is None  # the thread is busy with it
    waiting = [Waiting() for _ in range(1_000)]
    for one in waiting:
        assert passwords.ask(("t", "u", stored, b"secret"), HERE, one) is None
    assert passwords.waiting == 1
    with pytest.raises(BusyError):
        passwords.ask(("t", "v", stored, b"secret"), HERE, Waiting())
    await eventually(lambda: all(one.answers for one in waiting))
    passwords.close()


async def test_who_guesses_waits_behind_itself_and_not_before_others() -> None:
    """Given a queue full of guesses from one address, when somebody asks from another, then its turn is next."""
    slow = PasswordHasher(1, 8_192, 1)
    passwords, stored = Passwords(1, 1_000, 60.0, 1_000), slow.hash("secret")
    guesses = [Waiting() for _ in range(200)]
    for number, one in enumerate(guesses):
        passwords.ask(("t", "u", stored, str(number).encode()), "10.0.0.1", one)
    other = Waiting()
    passwords.ask(("t", "u", stored, b"secret"), "10.0.0.2", other)
    await eventually(lambda: other.answers)
    assert sum(bool(one.answers) for one in guesses) < 100
    for one in guesses:
        one.is_closed = True
    await eventually(lambda: passwords.waiting == 0)
    assert sum(bool(one.answers) for one in guesses) < 100
    passwords.close()


async def test_none_waits_for_longer_than_patience() -> None:
    passwords, stored = Passwords(1, 1_000, 0.5, 10), HASHER.hash("secret")
    most = 12  # of which each is guessed to take 0.05 s, and one runs
    for number in range(most):
        passwords.ask(("t", "u", stored, str(number).encode()), HERE, Waiting())
    with pytest.raises(BusyError):
        passwords.ask(("t", "u", stored, b"one more"), HERE, Waiting())
    passwords.ask(("t", "u", stored, b"one more"), "10.0.0.2", Waiting())
    passwords.close()


async def test_a_stored_hash_that_is_none_is_no_answer() -> None:
    passwords, waiting = Passwords(1, 10, 5.0, 10), Waiting()
    assert passwords.ask(("t", "u", "$argon2id$", b"x"), HERE, waiting) is None
    await eventually(lambda: waiting.answers)
    assert waiting.answers == [False]
    passwords.close()


async def test_a_password_that_is_not_verified_in_time_is_told_so() -> None:
    """Given a client whose password waits, when its time is over, then it is told to come back, once."""
    async with house(user("alice", "secret"), authentication="required") as it:
        peer = Peer(it.broker, V5)
        peer.say(ConnectPacket(V5, "a", True, 0, "alice", b"secret"))
        peer.connection.connect_overdue()
        await eventually(lambda: not it.broker.access.passwords.busy)
        await it.answers([peer])
        assert [p.reason_code for p in peer.heard if isinstance(p, ConnackPacket)] == [0x89]
        assert [r.reason_code for r in it.of(Refused)] == [0x89]
        assert peer.transport.is_closing()


async def test_too_many_passwords_are_told_so() -> None:
    async with house(user("alice", "secret"), authentication="required", clients={"password_queue": 1}) as it:
        peers = [Peer(it.broker, V5) for _ in range(50)]
        for number, peer in enumerate(peers):
            peer.say(ConnectPacket(V5, f"c{number}", True, 0, "alice", f"guess {number}".encode()))
        await it.answers(peers)
        codes = {p.reason_code for peer in peers for p in peer.heard if isinstance(p, ConnackPacket)}
        assert codes == {0x86, 0x89}
        assert it.broker.node.counters.totals["connects.refused.server_busy"] >= 40
