"""Messages of a queue one by one: what the native API lists is what the client then gets, in that order."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from litestar.testing import TestClient

from ingest.mqtt.codec import ProtocolVersion, PublishPacket
from query_api.app import build
from query_api.errors import UnavailableError
from query_api.native import log as native_log
from query_api.native import queues
from query_api.native.log import Wanted, opened
from query_api.native.queue_log import Reading
from query_api.settings import DialectSettings
from query_api.store import Store
from schemas.events import Publish
from schemas.positions import parse_position, partition_of, position_text
from schemas.settings import KafkaSettings, PostgresSettings
from tests.faults.projector.forgetful import ForgetfulKafka
from tests.integration.dialects.live import Live, live_stack
from tests.integration.dialects.native import BASE, Native
from tests.integration.ingest.asker import asking, order
from tests.mqttkit.client import Client
from tests.mqttkit.names import unique
from tests.stackkit.eventually import eventually_sync

MOST = 20
PARTITIONS = 4
LONG: dict[str, Any] = {"clean": False, "session_expiry_interval": 3_600}
Seen = tuple[str, int, bool, bytes]
"""Topic, QoS, retain flag, payload."""


@pytest.fixture(scope="module")
def stack(
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    """A stack that keeps few messages for a session."""
    folder = tmp_path_factory.mktemp("queue")
    limits = {"mqtt__max_queued_messages": MOST, "log__counters_interval": 0.5}
    with live_stack(new_kafka(partitions=PARTITIONS), new_postgres(migrated=True), folder, **limits) as live:
        yield live


@pytest.fixture
def api(stack: Live) -> Native:
    """As the administrator."""
    return Native(stack)


@pytest.fixture
def publishers(stack: Live) -> Iterator[list[Client]]:
    """One in each partition."""
    names = (unique("p") for _ in range(1_000))
    homes = {partition_of("default", name, PARTITIONS): name for name in names}
    with ExitStack() as opened:
        yield [opened.enter_context(stack.client(homes[partition])) for partition in range(PARTITIONS)]


def away(stack: Live, name: str, *filters: tuple[str, int], **options: Any) -> None:
    """A client subscribes and goes."""
    with stack.client(name, **LONG) as client:
        for topic_filter, qos in filters:
            client.subscribed(topic_filter, qos=qos, **options)
        client.disconnect()
    stack.shown(name, connected=False)


def path(name: str) -> str:
    """Of the messages of a queue."""
    return f"/sessions/{name}/queue/messages"


def listed(api: Native, name: str, limit: int = 1_000) -> dict[str, list[Seen]]:
    """What the API lists, with payloads, by publisher and whether it is retained, in the order of each."""
    found: dict[str, list[Seen]] = {}
    for one in api.every(path(name), limit):
        whole = api.ask("GET", f"{path(name)}/{quote(one['position'], safe='')}")
        assert whole["message"] == one
        payload = b64decode(whole["base64"])
        assert one["size"] == len(payload)
        found.setdefault(payload.decode().partition(" ")[0], []).append(
            (one["topic"], one["qos"], one["retain"], payload)
        )
    return found


def delivered(stack: Live, name: str, count: int) -> dict[str, list[Seen]]:
    """What the client gets when it is back, likewise, and then nothing more."""
    found: dict[str, list[Seen]] = {}
    with Client(stack.at, ProtocolVersion.V5, name, **LONG) as client:
        assert client.session_present
        for _ in range(count):
            message = client.expect_message()
            seen = (message.topic, message.qos, message.retain, message.payload)
            found.setdefault(message.payload.decode().partition(" ")[0], []).append(seen)
        client.ping_through()
        client.disconnect()
    return found


def agree(stack: Live, api: Native, name: str, count: int) -> dict[str, list[Seen]]:
    """What is listed is what comes; so many messages."""
    told = listed(api, name)
    assert sum(map(len, told.values())) == count, told
    assert delivered(stack, name, count) == told
    stack.shown(name, connected=False)
    eventually_sync(lambda: api.ask("GET", path(name))["items"] == [])
    return told


def say(publishers: list[Client], topic: str, *, qos: int = 1, times: int = 1, **options: Any) -> None:
    """Each says something; the payload begins with who says it, and with "retained" if it is."""
    for number in range(times):
        for one in publishers:
            who = f"{one.client_id}-retained" if options.get("retain") else one.client_id
            one.publish(topic, f"{who} {topic} {qos} {number}".encode(), qos=qos, **options)


def test_what_is_listed_is_what_comes(stack: Live, api: Native, publishers: list[Client]) -> None:
    """Plain and wildcard filters of QoS 1 and 2 that overlap; from every partition what matches and what does not."""
    name = unique("q")
    away(stack, name, (f"{name}/a", 1), (f"{name}/+", 2), (f"{name}/b/#", 1), (f"{name}/none", 0))
    for qos in (0, 1, 2):
        say(publishers, f"{name}/a", qos=qos)
        say(publishers, f"{name}/b/c/d", qos=qos)
        say(publishers, f"{name}x/a", qos=qos)
        say(publishers, f"{name}/none/x", qos=qos)
    told = agree(stack, api, name, 4 * 2 * PARTITIONS // 2)
    assert {seen[:2] for of in told.values() for seen in of} == {
        (f"{name}/a", 1),
        (f"{name}/a", 2),
        (f"{name}/b/c/d", 1),
    }


def test_retained_messages_expiry_and_a_subscription_on_behalf(
    stack: Live, api: Native, publishers: list[Client]
) -> None:
    name = unique("q")
    for one in publishers:
        say([one], f"{name}/kept/{one.client_id}", retain=True)
    away(stack, name, (f"{name}/mine", 1))
    say(publishers, f"{name}/kept/later")
    wanted = {"subscriptions": [{"filter": f"{name}/kept/#", "qos": 1}]}
    assert api.ask("POST", f"/sessions/{name}/subscriptions", wanted)["codes"] == [1]
    say(publishers, f"{name}/kept/later", times=2)
    say(publishers[:1], f"{name}/mine", message_expiry_interval=1)
    say(publishers[:1], f"{name}/mine", message_expiry_interval=600)

    def mine() -> list[Any]:
        return [one["properties"] for one in api.every(path(name), 1_000) if one["topic"] == f"{name}/mine"]

    eventually_sync(lambda: mine() == [{"message_expiry": 600}])
    told = agree(stack, api, name, PARTITIONS + 2 * PARTITIONS + 1)
    assert sum(seen[2] for of in told.values() for seen in of) == PARTITIONS
    say(publishers, f"{name}/kept/later")
    assert api.ask("POST", f"/sessions/{name}/unsubscribe", {"filters": [f"{name}/kept/#"]})["codes"] == [0]
    say(publishers, f"{name}/kept/later")
    agree(stack, api, name, PARTITIONS)


def test_what_was_dropped_is_not_listed(stack: Live, api: Native, publishers: list[Client]) -> None:
    name = unique("q")
    away(stack, name, (f"{name}/#", 1))
    say(publishers, f"{name}/x", times=2 * MOST // PARTITIONS)
    eventually_sync(lambda: len(api.every(path(name), 1_000)) == MOST)
    agree(stack, api, name, MOST)


def test_a_client_that_does_not_acknowledge(stack: Live, api: Native, publishers: list[Client]) -> None:
    """Sent and not acknowledged: with packet identifiers; behind the window, waiting; then it breaks and comes back."""
    name = unique("q")
    client = stack.client(name, receive_maximum=5, **LONG)
    client.subscribed(f"{name}/#", qos=2)
    say(publishers, f"{name}/x", qos=2)
    say(publishers, f"{name}/x", qos=1)
    got = [client.expect_message(ack=False) for _ in range(5)]

    def sent() -> list[dict[str, Any]]:
        return [one for one in api.every(path(name)) if one["state"] == "sent"]

    eventually_sync(lambda: [one["packet_id"] for one in sent()] == [one.packet_id for one in got])
    assert [(one["topic"], one["qos"]) for one in sent()] == [(one.topic, one.qos) for one in got]
    waiting = [one for one in api.every(path(name)) if one["state"] == "waiting"]
    assert [one["packet_id"] for one in waiting] == [None] * (2 * PARTITIONS - 5)
    for message in got:
        client.acknowledge(message)
    _, *rest = [client.expect_message() for _ in range(2)], client.expect_message(ack=False)
    assert isinstance(rest[0], PublishPacket)
    eventually_sync(lambda: [one["packet_id"] for one in api.every(path(name))] == [rest[0].packet_id])
    client.close()
    stack.shown(name, connected=False)
    agree(stack, api, name, 1)


def test_pages_of_one_while_more_come_in(stack: Live, api: Native, publishers: list[Client]) -> None:
    """A walk tells what was there when it began."""
    name = unique("q")
    away(stack, name, (f"{name}/#", 1))
    say(publishers, f"{name}/x", times=2)
    before = api.every(path(name), 1_000)
    items, cursor = [], ""
    while cursor is not None:
        page = api.ask("GET", path(name), limit=1, cursor=cursor)
        say(publishers[:1], f"{name}/x")
        items += page["items"]
        cursor = page["next"]
    assert sorted(one["position"] for one in items) == sorted(one["position"] for one in before)
    count = len(api.every(path(name), 3))
    assert count > len(before)
    agree(stack, api, name, count)


def test_after_the_node_was_killed(stack: Live, api: Native) -> None:
    """Of one that was away, and of one that was connected and had not acknowledged."""
    name, stuck, publisher = unique("q"), unique("q"), unique("p")
    away(stack, name, (f"{name}/#", 1))
    held = stack.client(stuck, receive_maximum=2, **LONG)
    held.subscribed(f"{name}/#", qos=1)
    with stack.client(publisher) as client:
        say([client], f"{name}/x", times=5)
        held.expect_message(ack=False)
        stack.ingest.kill9()
    held.close()
    stack.ingest.start()
    stack.shown(stuck, connected=False)
    with stack.client(publisher) as client:
        say([client], f"{name}/y", times=2)
    agree(stack, api, name, 7)
    agree(stack, api, stuck, 7)


def repeat(stack: Live, topic: str) -> tuple[str, str]:
    """A keyed command comes twice into the log, as from a repetition before anybody knew of the first; its places."""

    async def append() -> list[int]:
        said = Publish("default", topic, order(keyed=True), topic, 1, False, True, True, b"", b"api once")
        async with asking(stack.api.config.kafka) as asker:
            return [await asker.command(said) for _ in range(2)]

    first, second = asyncio.run(append())
    home = partition_of("default", topic, PARTITIONS)
    return position_text(home, first), position_text(home, second)


def test_a_repeated_command_waits_once(stack: Live, api: Native, publishers: list[Client]) -> None:
    """Given a message that the log has twice, when a page ends between the two, then it is listed once, and only the
    first is there to look at."""
    name = unique("q")
    away(stack, name, (f"{name}/#", 1))
    say(publishers, f"{name}/x")
    first, second = repeat(stack, f"{name}/twice")
    eventually_sync(lambda: len(api.every(path(name), 1_000)) == PARTITIONS + 1)
    for limit in (1, 1_000):
        places = [one["position"] for one in api.every(path(name), limit)]
        assert (places.count(first), places.count(second)) == (1, 0)
    assert api.problem("GET", f"{path(name)}/{quote(second, safe='')}") == (404, "not-found")
    agree(stack, api, name, PARTITIONS + 1)


def test_requests_that_have_no_time(stack: Live, api: Native, publishers: list[Client]) -> None:
    """A reading that stops after every record comes to the same, and so does another that begins where it began, or
    where it was before it was known to be far enough back, whatever the read models tell by then."""
    name = unique("q")
    away(stack, name, (f"{name}/#", 1))
    say(publishers, f"{name}/x", times=2)
    twice = repeat(stack, f"{name}/twice")
    places, stops, looks = asyncio.run(_bit_by_bit(stack, name, twice))
    told = [one["position"] for one in api.every(path(name))]
    assert sorted(places) == sorted(told * 3)
    assert stops > len(told)
    assert looks > 2


async def _bit_by_bit(stack: Live, name: str, twice: tuple[str, str]) -> tuple[list[str], int, int]:
    """Places of the messages by three readings, how often the first has stopped, and a look for one message."""
    settings = stack.api.config.api
    store, stops, places = Store(settings.postgres, 1), 0, []
    await store.open()
    async with opened(settings.kafka, Wanted("", frozenset())) as log:
        (reach,) = await store.fetch("session_reach", "default", name)
        reading, begun = Reading("default", name, reach, await log.ends()), None
        while not await reading.work(log, store, stop=0.0):
            stops, begun = stops + 1, begun or reading.begun
        assert begun is not None
        assert not begun.proved
        assert reading.begun.proved
        now = {**reach, "node": "another", "disconnected_at": reach["disconnected_at"] + 3_600_000}
        others = [Reading.again("default", name, now, reading.end, one) for one in (begun, reading.begun)]
        for one in others:
            while not await one.work(log, store, time.monotonic() + 10.0):
                pass
            assert one.begun == reading.begun
        for one, stop in ((reading, 0.0), *((other, time.monotonic() + 10.0) for other in others)):
            assert one.fold.base is not None
            at = dict(enumerate(one.fold.base.low))
            while any(at[partition] < one.end[partition] for partition in at):
                places += [position_text(*found.how[:2]) for found in await one.waiting(log, at, 3, stop)]
                one.forget()
                stops += stop == 0.0
        looking = Reading.again("default", name, reach, reading.end, reading.begun)
        looks = [await _looked(looking, log, store, one) for one in twice]
    await store.close()
    assert [found for found, _ in looks] == [True, False]
    return places, stops, looks[0][1]


async def _looked(reading: Reading, log: native_log.Log, store: Store, place: str) -> tuple[bool, int]:
    """Whether a message is there, and after how many looks without time that is known."""
    while not await reading.work(log, store, time.monotonic() + 10.0):
        pass
    looks, (told, found) = 1, await reading.look_for(log, *parse_position(place), 0.0)
    while not told:
        looks, (told, found) = looks + 1, await reading.look_for(log, *parse_position(place), 0.0)
    return found is not None, looks


def test_who_asks_again_gets_there(
    stack: Live, api: Native, publishers: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an API that has no time, when the same is asked again and again, then it is told in the end."""
    name = unique("q")
    away(stack, name, (f"{name}/#", 1))
    say(publishers, f"{name}/x")
    told = api.every(path(name))
    monkeypatch.setattr(queues, "LOOK_SECONDS", 0.0)
    settings = replace(stack.api.config.api, dialects=DialectSettings(emq2_port=0, emqx4_port=0, bifromq_port=0))
    app = build(settings)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        """The client leaves the query in the raw path, where servers don't."""
        raw = {"raw_path": scope["raw_path"].partition(b"?")[0]} if "raw_path" in scope else {}
        await app({**scope, **raw}, receive, send)

    with TestClient(served) as client:
        login = ("admin", stack.password)
        eventually_sync(lambda: client.get(f"{BASE}/stats", auth=login).status_code == 200)
        target = f"{BASE}{path(name)}/{quote(told[-1]['position'], safe='')}"
        answers = [client.get(target, auth=login)]
        while answers[-1].status_code == 503:
            assert answers[-1].headers["retry-after"] == "1"
            answers.append(client.get(target, auth=login))
        assert len(answers) > 2
        assert answers[-1].json()["message"] == told[-1]
        items: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = client.get(f"{BASE}{path(name)}", auth=login, params={"cursor": cursor})
            assert answer.status_code == 200, answer.text
            items, cursor = items + answer.json()["items"], answer.json()["next"]
        assert sorted(one["position"] for one in items) == sorted(one["position"] for one in told)


def test_kafka_goes_away(stack: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reading asks then, it is told that nothing can be said now."""

    async def ask() -> list[Any]:
        kafka = stack.api.config.kafka
        async with (
            ForgetfulKafka(kafka.bootstrap, (), "none") as proxy,
            opened(replace(kafka, bootstrap=proxy.bootstrap), Wanted("", frozenset())) as log,
        ):
            ends = await log.ends()
            monkeypatch.setattr(native_log, "START_SECONDS", 1.0)
            proxy.go_away()
            asked = (log.begins(), log.ends(), log.at(1, ends), log.record(0, 0))
            return list(await asyncio.gather(*asked, return_exceptions=True))

    assert [type(one) for one in asyncio.run(ask())] == [UnavailableError] * 4


def test_what_is_not_there(stack: Live, api: Native, publishers: list[Client]) -> None:
    name = unique("q")
    assert api.problem("GET", path(name)) == (404, "not-found")
    away(stack, name, (f"{name}/#", 1))
    say(publishers[:1], f"{name}/x")
    say(publishers[:1], f"other-{name}/x")
    (one,) = api.every(path(name))
    partition, _, place = one["position"].partition("/")
    offset = int(place.partition(".")[0])
    for wrong in (f"{partition}/{offset + 1}.0", f"{partition}/{offset}.9", "77/0.0", f"{partition}/{10**13}.0"):
        assert api.problem("GET", f"{path(name)}/{quote(wrong, safe='')}") == (404, "not-found")
    assert api.problem("GET", f"{path(name)}/nowhere") == (404, "not-found")
    assert api.problem("GET", path(name), cursor="a" * 40) == (400, "invalid-request")
    made = api.ask("POST", "/api-keys", {"name": unique("k"), "role": "administrator", "tenant": "t9"}, 201)
    other = Native(stack, (made["app_id"], made["secret"]))
    assert other.problem("GET", path(name)) == (404, "not-found")
    assert other.problem("GET", f"{path(name)}/{quote(one['position'], safe='')}") == (404, "not-found")


def test_a_session_that_ends_with_its_connection_is_not_told_of(stack: Live, api: Native) -> None:
    name = unique("q")
    with stack.client(name, clean=True) as client:
        client.subscribed(f"{name}/#", qos=1)
        client.publish(f"{name}/x", b"to me", qos=1)
        client.expect_message(ack=False)
        page = api.ask("GET", path(name))
    assert page == {"items": [], "next": None, "as_of": None, "position": None}
