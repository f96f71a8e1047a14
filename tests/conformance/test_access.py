"""Who may do what on the broker, over real sockets: passwords, tenants, access rules, bans, in each version's words.

The rules are kept in ``mq.admin``; what a client is told is MQTT 5.0 sections 3.2.2.2, 3.4.2.1, 3.9.3 and 3.14.2.1, and
MQTT 3.1.1 sections 3.2.2.3 and 3.9.3.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from argon2 import PasswordHasher

from ingest.mqtt.codec import ConnackPacket, DisconnectPacket, ProtocolVersion, PubackPacket, PubrecPacket
from schemas.admin import AclRemoved, Unbanned, UserRemoved, UserSet
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from tests.conformance.conftest import TARGET, V5, V31, V311, Connect, Prove, running
from tests.integration.ingest.asker import order
from tests.mqttkit import Client, Link, connect_packet, quiet, unique, will
from tests.mqttkit.administrator import Administrator, ban, rule, user
from tests.mqttkit.node import Node
from tests.stackkit.eventually import run_async

pytestmark = pytest.mark.skipif(TARGET != "mqledger", reason="users and rules are kept in ways of our own")

PASSWORD = "correct horse battery staple"
WRONG = {V5: 0x86, V311: 4, V31: 4}
NOT_AUTHORIZED = {V5: 0x87, V311: 5, V31: 5}
BANNED = {V5: 0x8A, V311: 5, V31: 5}
BUSY = {V5: 0x89, V311: 3, V31: 3}
ADMINISTRATIVE_ACTION = 0x98

Join = Callable[..., Client]
Refusal = Callable[..., int]


@pytest.fixture(scope="module")
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, proven: Prove) -> Iterator[Node]:
    """A broker that lets nobody in without a password, with two tenants."""
    services = request.getfixturevalue("services")
    kafka: KafkaSettings = request.getfixturevalue("new_kafka")()
    node = Node(
        kafka,
        services.postgres,
        tmp_path_factory.mktemp("guarded"),
        mqtt__authentication="required",
        mqtt__tenant_from="username",
        mqtt__connect_timeout=10,
    )
    with running(node):
        Administrator(kafka).say(user("ann", PASSWORD), user("ann", PASSWORD, "acme"), user("ann", PASSWORD, "rival"))
        yield node
    proven(node)


@pytest.fixture
def admin(guarded: Node) -> Administrator:
    """Who changes users, rules and bans."""
    return Administrator(guarded.kafka)


@pytest.fixture
def join(guarded: Node, connect: Connect) -> Join:
    """Makes clients of a user that are let in."""

    def make(version: ProtocolVersion = V5, client_id: str | None = None, who: str = "ann", **options: Any) -> Client:
        password = options.pop("password", PASSWORD).encode()
        return connect(version, client_id, address=guarded.address, username=who, password=password, **options)

    return make


@pytest.fixture
def refusal(guarded: Node) -> Refusal:
    """With which code a client is turned away; the connection is closed behind it."""

    def ask(version: ProtocolVersion = V5, client_id: str = "", **options: Any) -> int:
        with Link(guarded.address, version) as link:
            link.send(connect_packet(version, client_id or unique("c"), **options))
            code = int(link.expect(ConnackPacket).reason_code)
            assert code != 0
            link.expect_closed()
            return code

    return ask


# Passwords


def test_the_right_password_lets_in_and_a_wrong_one_does_not(
    join: Join, refusal: Refusal, version: ProtocolVersion
) -> None:
    join(version).publish("a", b"x", qos=1)
    for _ in range(2):
        assert refusal(version, username="ann", password=b"wrong") == WRONG[version]
    assert refusal(version, username="nobody", password=PASSWORD.encode()) == WRONG[version]
    assert refusal(version) == NOT_AUTHORIZED[version]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ann", b""),
        ("ann", b"\0" * 65_535),
        ("ann", PASSWORD.encode() + b"\0"),
        ("ann" * 20_000, PASSWORD.encode()),
        ("Ann", PASSWORD.encode()),
        ("ann ", PASSWORD.encode()),
        ("acme/", PASSWORD.encode()),
        ("/ann", PASSWORD.encode()),
        ("acme//ann", PASSWORD.encode()),
        ("*/ann", PASSWORD.encode()),
        ("acme/ann/", PASSWORD.encode()),
        ("none/ann", PASSWORD.encode()),
        ("\N{CYRILLIC SMALL LETTER A}nn", PASSWORD.encode()),
    ],
)
def test_odd_names_and_passwords_are_wrong_ones(refusal: Refusal, username: str, password: bytes) -> None:
    assert refusal(V5, username=username, password=password) == 0x86


def test_a_user_is_added_changed_and_removed(admin: Administrator, join: Join, refusal: Refusal) -> None:
    """Given a client of a user, when the user gets another password or is removed, then the client is disconnected and
    told so, and the old password is of no use."""
    admin.say(user("bob", "one"))
    first = join(who="bob", password="one")
    admin.say(user("bob", "two"))
    assert first.expect(DisconnectPacket).reason_code == ADMINISTRATIVE_ACTION
    first.expect_closed()
    assert refusal(username="bob", password=b"one") == 0x86
    second = join(V311, who="bob", password="two")
    admin.say(UserRemoved(order(), "default", "bob"))
    second.expect_closed()
    assert refusal(username="bob", password=b"two") == 0x86


def test_an_unknown_user_takes_as_long_as_a_wrong_password(admin: Administrator, refusal: Refusal) -> None:
    slow = PasswordHasher(2, 19_456, 1)
    admin.say(UserSet(order(), "set", "acme", "slow", slow.hash("x")))
    admin.say(UserSet(order(), "set", "default", "ann", slow.hash(PASSWORD)))  # the first user there is
    try:
        times: dict[str, list[float]] = {"acme/slow": [], "acme/nobody": [], "nowhere/nobody": []}
        for number in range(9):
            for name, taken in times.items():
                begun = time.perf_counter()
                refusal(username=name, password=f"{number}".encode())
                taken.append(time.perf_counter() - begun)
        middle = {name: statistics.median(taken) for name, taken in times.items()}
        assert max(middle.values()) < 1.8 * min(middle.values()), middle
    finally:
        admin.say(user("ann", PASSWORD))


def test_guesses_by_the_hundred_do_not_keep_others_out(
    guarded: Node, admin: Administrator, join: Join, refusal: Refusal
) -> None:
    """Given somebody who guesses on many connections at once, when a user comes from another address for the first
    time, then it is let in; every guess is answered, as wrong or as too many."""
    admin.say(user("carol", "here"))
    links = [Link(guarded.address, V5, source="127.0.0.2") for _ in range(400)]
    try:
        for number, link in enumerate(links):
            link.send(connect_packet(V5, unique("g"), username="ann", password=f"guess {number}".encode()))
        client = join(who="carol", password="here")
        codes = {int(link.expect(ConnackPacket, 15).reason_code) for link in links}
        assert codes <= {0x86, 0x89}
        client.publish("x", b"y", qos=1)
    finally:
        for link in links:
            link.close()


def test_many_clients_of_one_user_at_once_are_all_let_in(guarded: Node, admin: Administrator) -> None:
    admin.say(user("fleet", "shared"))
    links = [Link(guarded.address, V311) for _ in range(500)]
    try:
        for link in links:
            link.send(connect_packet(V311, unique("f"), username="fleet", password=b"shared"))
        assert {int(link.expect(ConnackPacket, 15).reason_code) for link in links} == {0}
    finally:
        for link in links:
            link.close()


# Tenants


def test_no_topic_crosses_tenants(join: Join) -> None:
    """Given clients of two tenants that use the same topics, when one publishes, also retained, then nobody of the
    other gets it by any filter."""
    here, there = join(who="acme/ann"), join(who="rival/ann")
    topic = unique("shared") + "/x"
    there.subscribed(topic, "#", "+/x", "$SYS/#", "acme/#", "+/" + topic, qos=1)
    here.publish(topic, b"live", qos=1)
    here.publish(topic, b"kept", qos=1, retain=True)
    here.publish("rival/" + topic, b"by name", qos=1)
    quiet(there, there)
    late = join(who="rival/ann")
    late.subscribed(topic, "#", qos=1)
    quiet(late, late)
    there.publish(topic, b"", qos=1, retain=True)
    mine = join(who="acme/ann")
    mine.subscribed(topic, qos=1)
    mine.expect_message(topic, b"kept")


def test_a_client_id_is_of_its_tenant(join: Join) -> None:
    """Given a session of one tenant, when a client of another comes with its id, then it neither takes it over nor goes
    on with it, and ends nothing by beginning anew."""
    name, topic = unique("same"), unique("t")
    mine = join(V5, name, "acme/ann", clean=False, session_expiry_interval=600)
    mine.subscribed(topic, qos=1)
    theirs = join(V5, name, "rival/ann", clean=False, session_expiry_interval=600)
    assert not theirs.session_present
    theirs.publish(topic, b"x", qos=1)
    quiet(mine, mine)
    mine.disconnect()
    theirs.disconnect()
    again = join(V5, name, "rival/ann", clean=True)
    assert not again.session_present
    assert join(V5, name, "acme/ann", clean=False, session_expiry_interval=600).session_present


def test_a_session_is_its_users(admin: Administrator, join: Join, version: ProtocolVersion) -> None:
    """Given a session with a message in its queue, when another user of the tenant comes with its client id, then that
    one gets neither subscriptions nor messages."""
    name, topic = unique("own"), unique("t")
    options: dict[str, Any] = {"clean": False}
    if version == V5:
        options["session_expiry_interval"] = 600
    mine = join(version, name, "acme/ann", **options)
    mine.subscribed(topic, qos=1)
    mine.disconnect()
    publisher = join(who="acme/ann")
    publisher.publish(topic, b"for ann", qos=1)
    admin.say(user("eve", "x", "acme"))
    theirs = join(version, name, "acme/eve", password="x", **options)
    assert not theirs.session_present
    quiet(theirs, publisher)


def test_a_will_stays_in_its_tenant(join: Join) -> None:
    topic = unique("will")
    mine, theirs = join(who="acme/ann"), join(who="rival/ann")
    for one in (mine, theirs):
        one.subscribed(topic, qos=1)
    join(who="acme/ann", will=will(topic, b"gone", qos=1, retain=True)).close()
    mine.expect_message(topic, b"gone")
    quiet(theirs, theirs)


# Rules


@pytest.mark.parametrize("who", ["acme/ann"])
def test_rules_of_publishing_and_subscribing(
    admin: Administrator, join: Join, version: ProtocolVersion, who: str
) -> None:
    base = unique("acl")
    rules = [rule(False, f"{base}/secret/#", tenant="acme"), rule(True, f"{base}/own/%c/%u", tenant="acme")]
    rules.append(rule(False, f"{base}/own/#", tenant="acme"))
    watcher = join(who="acme/ann")
    watcher.subscribed(f"{base}/#", qos=1)
    admin.say(*rules)
    try:
        client = join(version, who=who)
        for qos in (0, 1, 2):
            client.send_publish(f"{base}/secret/{qos}", b"no", qos=qos, packet_id=qos)
            client.send_publish(f"{base}/open", b"yes", qos=1, packet_id=10 + qos)
        denied = 0x87 if version == V5 else 0
        assert client.expect(PubackPacket).packet_id == 10
        assert client.expect(PubackPacket, packet_id=1).reason_code == denied
        assert client.expect(PubackPacket).packet_id == 11
        assert client.expect(PubrecPacket, packet_id=2).reason_code == denied
        assert client.expect(PubackPacket).packet_id == 12
        client.publish(f"{base}/own/{client.client_id}/ann", b"own", qos=1)
        client.publish(f"{base}/own/other/ann", b"other's", qos=1)
        got = [watcher.expect_message().payload for _ in range(4)]
        assert got == [b"yes", b"yes", b"yes", b"own"]
        quiet(watcher, watcher)
        if version != V31:  # it has no word for a refused subscription
            refused = 0x87 if version == V5 else 0x80
            asked = (f"{base}/secret/x", f"{base}/#", f"{base}/own/+/ann", f"{base}/open", "#")
            codes = [int(code) for code in client.subscribe(*asked, qos=1).reason_codes]
            assert codes == [refused, refused, refused, 1, refused]
    finally:
        admin.say(*[AclRemoved(order(), "acme", r.order.id) for r in rules])


def test_a_rule_is_in_force_for_connected_clients_at_once(admin: Administrator, join: Join) -> None:
    topic = unique("t")
    client, other = join(who="acme/ann"), join(who="rival/ann")
    assert client.publish(topic, b"1", qos=1).reason < 0x80
    made = rule(False, topic, "publish", "acme")
    admin.say(made)
    assert client.publish(topic, b"2", qos=1).reason == 0x87
    assert client.publish(topic, b"2", qos=2).reason == 0x87
    assert other.publish(topic, b"2", qos=1).reason < 0x80
    admin.say(AclRemoved(order(), "acme", made.order.id))
    assert client.publish(topic, b"3", qos=1).reason < 0x80


def test_names_of_clients_open_nothing(admin: Administrator, join: Join) -> None:
    """Given a rule for each client's own topics and none for others, when a client calls itself a wildcard or adds a
    level, then it gets no topic of others."""
    base = unique("own")
    admin.say(allowed := rule(True, f"{base}/%c/#", tenant="acme"), denied := rule(False, f"{base}/#", tenant="acme"))
    try:
        for name in ("+", "#", "a/b", "+/+", "%c", "$share", "%u"):
            client = join(V5, f"{name}", "acme/ann")
            asked = (f"{base}/+/#", f"{base}/#", f"{base}/victim/#", f"{base}/+/x", f"+/{name}/#")
            codes = [int(code) for code in client.subscribe(*asked, qos=0).reason_codes if code != 0x8F]
            assert all(code >= 0x80 for code in codes), (name, codes)
            assert client.publish(f"{base}/victim/x", b"", qos=1).reason == 0x87
            client.close()
    finally:
        admin.say(AclRemoved(order(), "acme", allowed.order.id), AclRemoved(order(), "acme", denied.order.id))


def test_a_will_that_may_not_be_published_is_refused(
    admin: Administrator, refusal: Refusal, version: ProtocolVersion
) -> None:
    topic = unique("w")
    admin.say(made := rule(False, topic, "publish", "acme"))
    code = refusal(version, username="acme/ann", password=PASSWORD.encode(), will=will(topic))
    admin.say(AclRemoved(order(), "acme", made.order.id))
    assert code == NOT_AUTHORIZED[version]


# Bans


def test_who_is_banned_goes_and_may_come_back(
    admin: Administrator, join: Join, refusal: Refusal, version: ProtocolVersion
) -> None:
    name = unique("bad")
    client, same = join(version, name, "acme/ann"), join(version, name, "rival/ann")
    begun = time.perf_counter()
    admin.say(ban("clientid", name, "acme"))
    if version == V5:
        assert client.expect(DisconnectPacket).reason_code == ADMINISTRATIVE_ACTION
    client.expect_closed()
    assert time.perf_counter() - begun < 5
    same.publish("x", b"still here", qos=1)
    options: dict[str, Any] = {"username": "acme/ann", "password": PASSWORD.encode()}
    assert refusal(version, name, **options) == BANNED[version]
    admin.say(Unbanned(order(), "acme", "clientid", name))
    join(version, name, "acme/ann")


def test_a_ban_has_an_end(admin: Administrator, join: Join, refusal: Refusal) -> None:
    until = time.time_ns() // 1_000_000 + 1_500
    admin.say(user("dave", "x"), ban("username", "dave", until=until))
    assert refusal(username="dave", password=b"x") == 0x8A
    threading.Event().wait(max(0.0, until / 1_000 - time.time() + 0.3))
    join(who="dave", password="x")


# Secrets


def test_no_secret_is_in_the_log_of_events_or_of_the_process(guarded: Node, join: Join, refusal: Refusal) -> None:
    secret = "hunter2-" + unique("s")
    for name in ("ann", "acme/nobody"):
        refusal(username=name, password=secret.encode())
    join().publish("x", b"y", qos=1)
    words = guarded.service.log.read_bytes()
    assert secret.encode() not in words
    assert PASSWORD.encode() not in words
    records = run_async(_all_records(guarded.kafka))
    assert any(b"ann" in value for value in records)
    assert not any(secret.encode() in value or PASSWORD.encode() in value for value in records)


async def _all_records(kafka: KafkaSettings) -> list[bytes]:
    """What is in the topics of events, nodes and administration."""
    topics = [TopicPartition(kafka.events_topic, p) for p in range(kafka.partitions)]
    topics += [TopicPartition(kafka.admin_topic, 0), TopicPartition(kafka.nodes_topic, 0)]
    consumer = AIOKafkaConsumer(**kafka_client_options(kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(topics)
        ends = await consumer.end_offsets(topics)
        values: list[bytes] = []
        while any([await consumer.position(one) < ends[one] for one in topics]):
            batches = await consumer.getmany(timeout_ms=500)
            values += [record.value or b"" for records in batches.values() for record in records]
        return values
    finally:
        await consumer.stop()
