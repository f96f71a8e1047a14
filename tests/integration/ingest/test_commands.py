"""Commands and switches on a node with a real Kafka: sockets close, listeners stop, everything has an outcome."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from ingest.mqtt.codec import DisconnectPacket, PubackPacket, PublishPacket
from ingest.service import IngestService
from schemas.admin import ListenerSet, PluginSet
from schemas.events import CommandDone, Kick, Publish, Subscribe, Subscription
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.ingest.asker import Asker, asking, order
from tests.integration.ingest.client import AsyncClient, connected
from tests.integration.ingest.kit import fold, frames, running, settings
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.state import facts


async def outcomes(kafka: KafkaSettings) -> dict[str, CommandDone]:
    """What came of commands, by id; the first counts."""
    found: dict[str, CommandDone] = {}
    for read in await frames(kafka):
        for event in read.events():
            if isinstance(event, CommandDone):
                found.setdefault(event.id, event)
    return found


async def closed(client: AsyncClient) -> DisconnectPacket | None:
    """Wait until the server has closed the socket; what it said before."""
    said: DisconnectPacket | None = None
    try:
        while True:
            said = await client.hear(DisconnectPacket)
    except EOFError:
        return said


async def test_a_kick_closes_the_socket_at_once(kafka: KafkaSettings) -> None:
    """Given quiet clients, when each is kicked, then it is told 0x98 with actor and reason, soon; the log that this
    leaves folds to the state of the node."""
    times = []
    async with asking(kafka) as asker, running(kafka) as (service, port):
        for number in range(10):
            async with connected(port, f"c{number}") as client:
                begun = time.monotonic()
                await asker.command(Kick("default", f"c{number}", order(), "out", True))
                goodbye = await closed(client)
                times.append(time.monotonic() - begun)
                assert goodbye is not None
                assert goodbye.reason_code == 0x98
                assert goodbye.properties.reason_string == "kicked by ann: out"
        await service.journal.drained()
        one, _ = await fold(kafka)
        assert facts(one) == facts(service.node)
        assert not service.node.sessions
    assert sorted(times)[5] < 0.2, times


async def test_ten_thousand_commands(kafka: KafkaSettings) -> None:
    """Given a connected client, when ten thousand commands come at once, some of them twice by the same key, then each
    is done once and has one outcome."""
    async with asking(kafka) as asker, running(kafka) as (service, port), connected(port, "c") as client:
        subscribe = Subscribe("default", "c", order("sub"), [Subscription("t", 0)])
        await asker.command(subscribe)
        await eventually(lambda: service.node.routes["default"].subscriptions == 1)
        for start in range(0, 10_000, 500):
            ids = [f"k{n % 9_000}" for n in range(start, start + 500)]
            events = [
                Publish("default", "c", order(n, keyed=True), "t", 0, False, True, True, b"", n.encode()) for n in ids
            ]
            await asker.command(*events)
        messages = await client.messages(9_000)
        assert [m.payload for m in messages] == [f"k{n}".encode() for n in range(9_000)]
        await eventually(lambda: not any(home.open for home in service.node.homes))
        await service.journal.drained()
        found = await outcomes(kafka)
        assert len(found) == 9_001
        assert {(one.outcome, one.count) for name, one in found.items() if name != "sub"} == {("done", 1)}


async def test_commands_survive_the_death_of_the_node(kafka: KafkaSettings, run_service: RunService) -> None:
    """Given a node that is killed again and again while sessions are kicked, when the next one is up, then every
    command has an outcome and no session that was to end is left."""
    process = run_service("ingest", kafka=kafka, postgres=PostgresSettings())
    names = [f"c{n}" for n in range(60)]
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(connected(process.mqtt_port, name))
    async with asking(kafka) as asker:
        for start in range(0, 60, 20):
            for name in names[start : start + 20]:
                await asker.command(Kick("default", name, order(name), "", True), bell=start != 20)
            process.kill9()
            process.start()
    assert process.stop() == 0
    found = await outcomes(kafka)
    assert sorted(found) == sorted(names)
    assert {one.outcome for one in found.values()} <= {"done", "not_found"}
    node, _ = await fold(kafka)
    assert not node.sessions


async def test_a_listener_stops_and_starts(kafka: KafkaSettings) -> None:
    """Given a client, when the listener of its node is stopped, then it stays and nobody else comes, not even to the
    next node of that name; started again, they do."""
    async with asking(kafka) as asker:
        async with running(kafka) as (service, port), connected(port, "one") as client:
            offset = await asker.admin(ListenerSet(order(), "", "mqtt:tcp", False))
            await eventually(lambda: service.tail.admin.next > offset)
            with pytest.raises(OSError, match="Connect call failed"):
                await asyncio.open_connection("127.0.0.1", port)
            await client.subscribe("t")
            await asker.admin(ListenerSet(order(), service.settings.node, "mqtt:tcp", True))
            await eventually(partial(_answers, port))  # type: ignore[arg-type] # mypy does not see through it
            async with connected(port, "two"):
                pass
            await asker.admin(ListenerSet(order(), "", "mqtt:tcp", False))
            await eventually(lambda: service.tail.admin.next == offset + 3)
        quiet = IngestService(settings(kafka))
        try:
            await quiet.start()
            assert quiet.ready.ok
            assert quiet.address is None
        finally:
            await quiet.stop()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_without_the_retainer_nothing_is_retained_or_sent(kafka: KafkaSettings) -> None:
    """Given a retained message, when the retainer is stopped, then new ones are not kept and the kept one is not sent;
    when it runs again, then that one is."""
    async with asking(kafka) as asker, running(kafka) as (service, port), connected(port, "one") as client:
        await _retain(client, "a", b"before")
        await _switch(asker, service, "retainer", False)
        assert "retainer" not in service.duties.heartbeat().plugins
        await _retain(client, "a", b"")
        await _retain(client, "b", b"meanwhile")
        await client.subscribe("a")
        await client.publish("a", b"now")
        assert [m.payload for m in await client.messages(1)] == [b"now"]
        await _switch(asker, service, "retainer", True)
        await client.subscribe("#")
        assert [(m.topic, m.payload) for m in await client.messages(1)] == [("a", b"before")]
        await client.publish("c", b"last")
        assert [m.topic for m in await client.messages(1)] == ["c"]


async def _retain(client: AsyncClient, topic: str, payload: bytes) -> None:
    packet_id = client.new_id()
    await client.say(PublishPacket(topic, payload, qos=1, retain=True, packet_id=packet_id))
    answer = await client.hear(PubackPacket, lambda packet: packet.packet_id == packet_id)
    assert answer.reason_code == 0


async def _switch(asker: Asker, service: IngestService, name: str, active: bool) -> None:
    offset = await asker.admin(PluginSet(order(), name, active))
    await eventually(lambda: service.tail.admin.next > offset)


async def test_the_node_tells_about_itself_to_who_listens(kafka: KafkaSettings) -> None:
    """Given the module sys, when nobody listens, then nothing is published; when somebody subscribes to $SYS, then
    version, uptime, counts and metrics come; when it is stopped, nothing more."""
    wanted = replace(settings(kafka), sys_interval=0.5)
    service = IngestService(wanted)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.stop)
        await service.start()
        assert service.address is not None
        asker = await stack.enter_async_context(asking(kafka))
        client = await stack.enter_async_context(connected(service.address[1], "one"))
        await client.subscribe("#")
        await client.subscribe("$SYS/brokers/+/version")
        version = await client.hear(PublishPacket)
        assert version.topic == "$SYS/brokers/node-1/version"
        assert version.payload.decode() == service.version
        await client.subscribe("$SYS/#")
        heard = {}
        while "$SYS/brokers/node-1/metrics/packets/connect/received" not in heard:
            message = await client.hear(PublishPacket)
            heard[message.topic] = message.payload
        assert heard["$SYS/brokers"] == b"node-1"
        assert heard["$SYS/brokers/node-1/stats/connections/count"] == b"1"
        assert heard["$SYS/brokers/node-1/metrics/packets/connect/received"] == b"1"
        assert b"seconds" in heard["$SYS/brokers/node-1/uptime"]
        await _switch(asker, service, "sys", False)
        assert "sys" not in service.duties.heartbeat().plugins
