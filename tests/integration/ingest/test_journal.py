"""Append, read back, act: group commit, foreign frames, large frames, and going on after an append that failed."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from ingest.log.journal import AppendError
from ingest.mqtt.codec import PublishPacket
from ingest.service import IngestService
from schemas.events import NodeLost, Published
from schemas.positions import partition_of
from schemas.settings import KafkaSettings
from tests.integration.ingest.client import AsyncClient, connected
from tests.integration.ingest.kit import NODE, fold, frames, running, write_frame
from tests.stackkit.eventually import eventually

CLIENTS = [f"client-{n}" for n in range(8)]


async def publish_many(client: AsyncClient, name: str, count: int, start: int = 0) -> None:
    """Publish numbered messages in bursts, and wait for every PUBACK."""
    for burst in range(start, start + count, 50):
        ids = await client.publish("t", *(f"{name} {n}".encode() for n in range(burst, min(burst + 50, start + count))))
        for packet_id in ids:
            await client.acknowledged(packet_id)


async def test_busy_partitions_get_big_frames_in_order(kafka: KafkaSettings) -> None:
    """Given clients that publish all at once, when their messages are in the log, then many share a frame, and each
    client's are in order, once."""
    async with running(kafka) as (_, port), asyncio.TaskGroup() as group:
        for name in CLIENTS:
            group.create_task(_connect_and_publish(port, name, 500))
    _, seen = await fold(kafka)
    assert seen.payloads == {name: [f"{name} {n}".encode() for n in range(500)] for name in CLIENTS}
    assert len(await frames(kafka)) < 2_000


async def _connect_and_publish(port: int, name: str, count: int) -> None:
    async with connected(port, name) as client:
        await publish_many(client, name, count)


async def test_a_gap_is_filled_from_the_log(kafka: KafkaSettings) -> None:
    """Given a frame of another node between two of ours, when ours lands, then the other is applied before it and
    ours once."""
    name = "client"
    partition = partition_of("default", name, kafka.partitions)
    async with running(kafka) as (service, port), connected(port, name) as client:
        await write_frame(kafka, partition, "node-2", 5, 0, [NodeLost("node-3", 7)])
        await publish_many(client, name, 10)
        assert service.node.homes[partition].fences.lowest["node-3"] == 8
        assert service.node.applied == service.journal.vector
        await client.subscribe("t")
        await publish_many(client, name, 1, 10)
        assert [packet.payload for packet in await client.messages(1)] == [b"client 10"]


@pytest.mark.parametrize("topic", ["t" * 65_535, "\U0001f600" * 16_383], ids=["ascii", "four bytes"])
async def test_large_topics_at_once_fit_the_frames(kafka: KafkaSettings, topic: str) -> None:
    """Given messages that are larger on the wire than they seem, when very many come at once, then all are taken."""
    async with running(kafka) as (service, port), connected(port, "client") as client:
        ids = await client.publish(topic, *(b"%d" % n for n in range(60)))
        for packet_id in ids:
            await client.acknowledged(packet_id)
        assert service.recoveries == 0
    _, seen = await fold(kafka)
    assert seen.payloads["client"] == [b"%d" % n for n in range(60)]


async def test_a_huge_queue_of_retained_messages_fits_the_frames(kafka: KafkaSettings) -> None:
    """Given thousands of retained messages, when a client that never acknowledges asks for all of them and goes, then
    the node goes on."""
    count = 99_000
    async with running(kafka) as (service, port):
        async with connected(port, "publisher") as client:
            for start in range(0, count, 33_000):
                many = range(start, start + 33_000)
                await client.say(
                    *(PublishPacket(f"r/{n}", b"x", retain=True, qos=1, packet_id=n - start + 2) for n in many)
                )
                await client.acknowledged(33_001)
            await publish_many(client, "publisher", 1)
        async with connected(port, "hoarder") as client:
            await client.subscribe("r/#")
            await client.hear(PublishPacket)
        session = service.node.sessions["default", "hoarder"]
        await eventually(lambda: session.connection is None and service.journal.pending_bytes == 0)
        async with connected(port, "publisher") as client:
            await publish_many(client, "publisher", 1, 1)
        assert service.recoveries == 0
    node, _ = await fold(kafka)
    assert len(node.sessions["default", "hoarder"].outbox or ()) == count


async def test_an_append_that_fails_loses_and_doubles_nothing(kafka: KafkaSettings) -> None:
    """Given clients that publish, when appends fail again and again with frames under way, then every message is
    acknowledged and in the log once, in order, and connections live on."""
    async with running(kafka) as (service, port):
        async with asyncio.TaskGroup() as group:
            publishing = [group.create_task(_connect_and_publish(port, name, 1_000)) for name in CLIENTS]
            for round_ in range(1, 6):
                await eventually(lambda: any(lane.sealed for lane in service.journal.lanes) or all_done(publishing))
                service._failed(AppendError("forced"))
                await eventually(lambda n=round_: service.recoveries == n and service.ready.ok)  # type: ignore[misc]
        assert service.recoveries == 5
    _, seen = await fold(kafka)
    assert seen.payloads == {name: [f"{name} {n}".encode() for n in range(1_000)] for name in CLIENTS}


def all_done(tasks: list[asyncio.Task[None]]) -> bool:
    """Whether nothing runs any more."""
    return all(task.done() for task in tasks)


class Eager(IngestService):
    """Lets a client speak between the new producer and the new incarnation."""

    client: AsyncClient | None = None
    said: list[int]

    async def _begin_incarnation(self, continues: int) -> int:
        if self.client is not None:
            before = sum(len(lane.events) for lane in self.journal.lanes)
            self.said = await self.client.publish("t", b"between")
            await eventually(lambda: sum(len(lane.events) for lane in self.journal.lanes) > before)
        return await super()._begin_incarnation(continues)


async def test_nothing_leaves_before_the_incarnation_has_begun(kafka: KafkaSettings) -> None:
    """Given a producer that was made anew, when a client publishes before its incarnation is in the log, then the
    message waits, and is acknowledged."""
    async with running(kafka, Eager) as (running_service, port), connected(port, "client") as client:
        service = cast("Eager", running_service)
        service.client = client
        service._failed(AppendError("forced"))
        await eventually(lambda: service.recoveries == 1 and service.ready.ok)
        await client.acknowledged(service.said[0])
        assert service.node.void_frames == 0


async def test_a_late_frame_of_an_older_incarnation_is_void(kafka: KafkaSettings) -> None:
    """Given a producer that was made anew, when a frame of the old one lands at last, then it is as if it were not."""
    name = "client"
    partition = partition_of("default", name, kafka.partitions)
    async with running(kafka) as (service, port), connected(port, name) as client:
        await client.subscribe("t")
        old = service.journal.incarnation
        epoch = service.node.sessions["default", name].epoch
        service._failed(AppendError("forced"))
        await eventually(lambda: service.recoveries == 1 and service.ready.ok)
        late = Published("default", name, epoch, "t", 1, False, 9, b"", b"late")
        await write_frame(kafka, partition, NODE, old, 77, [late])
        await publish_many(client, name, 1)
        await eventually(lambda: service.node.void_frames == 1)
        assert [packet.payload for packet in await client.messages(1)] == [b"client 0"]
    _, seen = await fold(kafka)
    assert seen.payloads[name] == [b"client 0"]
