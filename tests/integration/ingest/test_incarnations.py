"""Nodes of one name after and beside each other."""

from __future__ import annotations

import asyncio

import pytest

from ingest.mqtt.codec import PublishPacket
from ingest.service import IngestService
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.ingest.client import connected
from tests.integration.ingest.kit import fold, running, settings
from tests.integration.ingest.test_journal import publish_many
from tests.stackkit.eventually import eventually
from tests.unit.ingest.sim.state import facts, queue


async def test_a_second_node_of_the_same_name_ends_the_first(kafka: KafkaSettings, run_service: RunService) -> None:
    """Given a node with a client, when another process with its name begins, then the first closes the client, ends
    with an error, and acknowledges nothing more."""
    first = run_service("ingest", kafka=kafka, postgres=PostgresSettings())
    async with connected(first.mqtt_port, "client") as client:
        await publish_many(client, "client", 5)
        second = run_service("ingest", kafka=kafka, postgres=PostgresSettings())
        with pytest.raises(EOFError):
            await client.hear(PublishPacket)
    await eventually(lambda: not first.running, what=first.words)
    assert first.process is not None
    assert first.process.returncode not in (0, None)
    async with connected(second.mqtt_port, "client") as client:
        await publish_many(client, "client", 1, 5)
    _, seen = await fold(kafka)
    assert seen.payloads["client"] == [f"client {n}".encode() for n in range(6)]


async def test_the_log_of_many_incarnations_folds_to_one_state(kafka: KafkaSettings, run_service: RunService) -> None:
    """Given a log with the frames of nodes that were killed and one that was stopped, when it is folded twice, then
    both are equal, and a session gets its queue."""
    process = run_service("ingest", kafka=kafka, postgres=PostgresSettings())
    async with connected(process.mqtt_port, "reader") as reader:
        await reader.subscribe("t")
    for round_ in range(3):
        async with connected(process.mqtt_port, "writer") as writer:
            await publish_many(writer, "writer", 20, 20 * round_)
        process.kill9()
        process.start()
    assert process.stop() == 0
    one, seen = await fold(kafka)
    two, _ = await fold(kafka)
    assert seen.payloads["writer"] == [f"writer {n}".encode() for n in range(60)]
    assert facts(one) == facts(two)
    assert {key: queue(session) for key, session in one.sessions.items()} == {
        key: queue(session) for key, session in two.sessions.items()
    }
    async with running(kafka) as (service, port), connected(port, "reader") as reader:
        assert [packet.payload for packet in await reader.messages(60)] == seen.payloads["writer"]
        assert service.node.census.connected == 1


async def test_a_node_that_has_not_begun_stops_at_once(kafka: KafkaSettings) -> None:
    """Given a node that is still starting, when it is stopped, then it has nothing to say and does not wait to."""
    service = IngestService(settings(kafka))
    starting = asyncio.ensure_future(service.start())
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait([starting])
    async with asyncio.timeout(settings(kafka).shutdown_grace / 2):
        await service.stop()
