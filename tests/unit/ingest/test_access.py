"""Access of MQTT clients: who is let in, as whom, and who has to go."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.mqtt.codec import (
    ConnackPacket,
    ConnectPacket,
    DisconnectPacket,
    ProtocolVersion,
    PublishPacket,
    ReasonCode,
    SubackPacket,
    SubscribePacket,
    Subscription,
    encode,
)
from schemas.admin import (
    PluginSet,
    Unbanned,
    UserRemoved,
)
from schemas.events import Connected, Disconnected, Refused
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.house import (
    HERE,
    V5,
    V31,
    V311,
    ban,
    codes,
    house,
    order,
    publish,
    user,
)
from tests.unit.ingest.sim.peer import Peer

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


@pytest.mark.parametrize("version", [V311, V5])
async def test_a_session_of_another_user_is_not_taken_up(version: ProtocolVersion) -> None:
    """Given a session with subscriptions, when another user comes with its client id, then it begins anew; the same
    user goes on, with another password, too."""
    async with house(user("alice", "1"), user("bob", "2")) as it:
        peer = await it.client("a", version, username="alice", password="1")
        peer.say(SubscribePacket(1, (Subscription("x", 1),)), DisconnectPacket())
        it.say(user("alice", "3"))
        peer, answer = await it.join("a", version, username="alice", password="3")
        assert answer.session_present
        for username, password in (("bob", "2"), (None, None), ("alice", "3")):
            peer, answer = await it.join("a", version, username, password)
            assert (answer.reason_code, answer.session_present) == (0, False)
            state = it.broker.node.sessions["default", "a"].state
            assert state is not None
            assert not state.subscriptions


async def test_where_nobody_has_a_password_a_client_may_change_its_name() -> None:
    async with house() as it:
        (await it.client("a", username="one")).say(DisconnectPacket())
        _, answer = await it.join("a", username="two")
        assert answer.session_present


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
