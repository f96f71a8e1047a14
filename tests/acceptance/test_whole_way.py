"""The whole way on real parts: clients of others in, sessions over HTTP and events on the command line out.

Bar: `make up`, then paho and mosquitto clients work, the API lists them. Bar: `mqledger replay --verify` after every
test run says no difference.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.acceptance.devices import V5, V311, Device, connect_properties, mosquitto, mosquitto_pub
from tests.acceptance.product import Product
from tests.mqttkit import unique
from tests.stackkit.eventually import eventually_sync

COUNT = 30
NEVER = 4_294_967_295


@pytest.fixture(autouse=True)
def _proven(product: Product) -> Any:
    """After each test here the models are what the log says."""
    yield
    product.prove()


def shown(product: Product, client_id: str, **fields: object) -> dict[str, Any]:
    """The session as soon as the API shows it with these fields."""

    def matching() -> dict[str, Any] | None:
        session = product.session(client_id)
        return session if session and all(session.get(name) == value for name, value in fields.items()) else None

    session = eventually_sync(matching, 10, lambda: f"{client_id} is {product.session(client_id)}, not {fields}")
    assert session is not None
    return session


def gone(product: Product, client_id: str) -> None:
    """The session is soon unknown."""
    eventually_sync(lambda: product.session(client_id) is None, 10, lambda: product.session(client_id))


def is_now(text: str) -> bool:
    """Whether an RFC 3339 time was within the last minute."""
    return timedelta() <= datetime.now(UTC) - datetime.fromisoformat(text) < timedelta(minutes=1)


def test_paho_v5_is_shown_as_it_is(product: Product) -> None:
    """Every field of the session is what the client asked for or the server granted."""
    device = Device(product.address, unique("full"), V5)
    device.options["properties"] = connect_properties(
        SessionExpiryInterval=3_600,
        ReceiveMaximum=17,
        MaximumPacketSize=70_000,
        TopicAliasMaximum=5,
        RequestResponseInformation=1,
        RequestProblemInformation=0,
    )
    device.client.will_set("wills/full", b"gone", 1)
    with device:
        subscribing = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
        subscribing.SubscriptionIdentifier = 9
        options = SubscribeOptions(qos=2, noLocal=True, retainAsPublished=True, retainHandling=2)
        device.subscribe("a/+", options=options, properties=subscribing)
        device.subscribe("b/#", options=SubscribeOptions(qos=1))
        session = shown(product, device.client_id, subscription_count=2)
        assert is_now(session.pop("connected_at"))
        plain = {"no_local": False, "retain_as_published": False, "retain_handling": 0}
        assert session == {
            "client_id": device.client_id,
            "state": "connected",
            "connected": True,
            "protocol": "mqtt5",
            "version": 5,
            "clean_start": True,
            "expiry_interval": 3_600,
            "receive_maximum": 17,
            "max_packet_size": 70_000,
            "topic_alias_max": 5,
            "request_response": True,
            "request_problem": False,
            "has_will": True,
            "subscription_count": 2,
            "inflight_count": 0,
            "offline_queue_depth": 0,
            "subscriptions": [
                {
                    "filter": "a/+",
                    "qos": 2,
                    "no_local": True,
                    "retain_as_published": True,
                    "retain_handling": 2,
                    "consumer_group": device.client_id,
                    "subscription_id": 9,
                },
                {"filter": "b/#", "qos": 1, **plain, "consumer_group": device.client_id},
            ],
        }
        assert device.client_id in product.session_ids(state="connected")
        clients = product.api.get("/api/v1/subscriptions/a%2F%2B/clients").json()["clients"]
        assert {"client_id": device.client_id, "qos": 2} in clients
    session = shown(product, device.client_id, state="disconnected", connected=False)
    assert is_now(session["disconnected_at"])
    assert device.client_id in product.session_ids(state="disconnected")


def test_paho_v311_clean_and_persistent(product: Product) -> None:
    """A clean session is gone with its connection, a persistent one stays with its subscriptions."""
    with Device(product.address, unique("clean"), V311) as clean:
        session = shown(product, clean.client_id, connected=True)
        assert (session["protocol"], session["version"], session["clean_start"]) == ("mqtt3.1.1", 4, True)
        assert (session["expiry_interval"], session["receive_maximum"], session["max_packet_size"]) == (0, 65_535, 0)
        assert "subscriptions" not in session
    gone(product, clean.client_id)
    with Device(product.address, unique("kept"), V311, clean=False) as kept:
        kept.subscribe("kept/#", 1)
        assert not kept.session_present
    session = shown(product, kept.client_id, state="disconnected")
    assert session["expiry_interval"] == NEVER
    assert [one["filter"] for one in session["subscriptions"]] == ["kept/#"]
    with Device(product.address, kept.client_id, V311, clean=False) as again:
        assert again.session_present
        assert "disconnected_at" not in shown(product, kept.client_id, connected=True)


def test_the_queue_of_a_session_that_is_away(product: Product) -> None:
    """Its depth is shown over HTTP; all of it arrives, in order, when the client comes back."""
    topic = unique("queue")
    reader = Device(product.address, unique("away"), V311, clean=False)
    with reader:
        reader.subscribe(topic, 1)
    with Device(product.address, unique("writer"), V5) as writer:
        for n in range(COUNT):
            writer.publish(topic, b"%d" % n)
    shown(product, reader.client_id, connected=False, offline_queue_depth=COUNT)
    with Device(product.address, reader.client_id, V311, clean=False) as again:
        assert again.session_present
        assert again.receive(COUNT) == [(topic, b"%d" % n, 1) for n in range(COUNT)]
        shown(product, reader.client_id, connected=True, offline_queue_depth=0)
    shown(product, reader.client_id, connected=False, offline_queue_depth=0)


def test_a_session_that_expires(product: Product) -> None:
    """It is shown until its expiry has passed, then unknown, and the log says why."""
    device = Device(product.address, unique("short"), V5)
    device.options["properties"] = connect_properties(SessionExpiryInterval=2)
    with device:
        shown(product, device.client_id, expiry_interval=2)
    shown(product, device.client_id, state="disconnected")
    gone(product, device.client_id)
    words = ("events", "--client", device.client_id, "--kind", "session_ended", "--format", "json")
    ended = eventually_sync(lambda: product.command(*words).json_lines, 20, "the log does not say that it has ended")
    assert [line["data"]["reason"] for line in ended] == ["expired"]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_between_clients_of_all_kinds(product: Product, qos: int) -> None:
    """Each publishes, each gets everything, each publisher's messages in their order."""
    topic = unique("mixed")
    publishers = {
        "v311": Device(product.address, unique("v311"), V311),
        "v5": Device(product.address, unique("v5"), V5),
    }

    async def talk() -> dict[str, list[int]]:
        host, port = product.address
        async with aiomqtt.Client(host, port, identifier=unique("aio"), protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(f"{topic}/#", qos=qos)
            await asyncio.to_thread(publish)
            for n in range(COUNT):
                await client.publish(f"{topic}/aio", n, qos=qos)
            got: dict[str, list[int]] = {"v311": [], "v5": [], "aio": []}
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                got[str(message.topic).rpartition("/")[2]].append(int(message.payload))
                if sum(map(len, got.values())) == 3 * COUNT:
                    break
            return got

    def publish() -> None:
        for n in range(COUNT):
            for name, publisher in publishers.items():
                publisher.publish(f"{topic}/{name}", b"%d" % n, qos)

    with publishers["v311"] as old, publishers["v5"] as new:
        old.subscribe(f"{topic}/#", qos)
        got = asyncio.run(asyncio.wait_for(talk(), 30))
        assert got == {name: list(range(COUNT)) for name in got}
        heard = old.receive(3 * COUNT)
        for name in got:
            assert [payload for where, payload, _ in heard if where == f"{topic}/{name}"] == [
                b"%d" % n for n in range(COUNT)
            ]
        assert {at for _, _, at in heard} == {qos}
        assert new.messages.empty()


@pytest.mark.parametrize("protocol", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_and_sub(product: Product, protocol: str) -> None:
    """As in the README: the subscriber prints what was published, and the API lists it meanwhile."""
    topic, client_id = unique("mosq"), unique("msub")
    where = ["-V", protocol, "-q", "1"]
    command = mosquitto("mosquitto_sub", product.address, *where, "-t", f"{topic}/#", "-i", client_id, "-C", str(COUNT))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        session = shown(product, client_id, connected=True, subscription_count=1)
        assert session["protocol"] == ("mqtt5" if protocol == "mqttv5" else "mqtt3.1.1")
        lines = "".join(f"line {n}\n" for n in range(COUNT))
        mosquitto_pub(product.address, *where, "-t", f"{topic}/x", "-l", lines=lines)
        said, _ = subscriber.communicate(timeout=10)
    assert said == lines
    assert subscriber.returncode == 0
    gone(product, client_id)


def test_the_story_of_a_client(product: Product) -> None:
    """`mqledger events --client` tells it in order; `mqledger replay` gives any moment of it."""
    topic, client_id = unique("story"), unique("hero")
    device = Device(product.address, client_id, V5)
    device.options["properties"] = connect_properties(SessionExpiryInterval=600)
    with device:
        device.subscribe(f"{topic}/#", 1)
        device.publish(f"{topic}/1", b"one")
        device.publish(f"{topic}/2", b"two", qos=2, retain=True)
        assert [message[1] for message in device.receive(2)] == [b"one", b"two"]
        device.client.unsubscribe(f"{topic}/#")
    shown(product, client_id, state="disconnected", subscription_count=0)
    story = product.command("events", "--client", client_id, "--format", "json").json_lines
    told = [line["data"] for line in story]
    kinds = [line["event"].partition(".")[0] for line in told]
    assert [kind for kind in kinds if kind not in ("progress", "measured")] == [
        *("connected", "subscribed", "published", "published", "released", "unsubscribed", "disconnected")
    ]
    published = [line for line in told if line["event"].startswith("published")]
    assert [line["topic"] for line in published] == [f"{topic}/1", f"{topic}/2"]
    assert not any(line["void"] for line in story)
    text = product.command("events", "--client", client_id).lines
    assert len(text) == len(story)
    assert all(client_id in line for line in text)

    def state_before(kind: str) -> tuple[dict[str, Any], list[str]]:
        (place,) = (line["position"] for line in story if line["data"]["event"].startswith(kind))
        state = json.loads(product.command("replay", "--until", place, "--format", "json", "--no-progress").out)
        (session,) = (row for row in state["sessions"] if row["client_id"] == client_id)
        return session, [row["filter"] for row in state["subscriptions"] if row["client_id"] == client_id]

    session, filters = state_before("unsubscribed")
    assert (session["state"], filters) == ("connected", [f"{topic}/#"])
    session, filters = state_before("disconnected")
    assert (session["state"], filters) == ("connected", [])


def test_overview_and_stats_count_what_happened(product: Product) -> None:
    """The numbers of the API move by what clients did."""

    def received() -> int:
        stats = product.api.get("/api/v1/stats").json()
        return int(stats["by_protocol"]["mqtt"]["messages"]["publish_received"])

    product.settle()
    before = received()
    with Device(product.address, unique("count"), V5) as device:
        for n in range(COUNT):
            device.publish(unique("count"), b"%d" % n)
        shown(product, device.client_id, connected=True)
        sessions = product.api.get("/api/v1/overview").json()["sessions"]
        assert sessions["connected"] == len(product.session_ids(state="connected"))
        assert sessions["total"] == len(product.session_ids())
        eventually_sync(lambda: received() - before == COUNT, 10, lambda: f"{received() - before} of {COUNT} counted")
