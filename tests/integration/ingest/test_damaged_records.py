"""A record in the log that can't be read, or is gone, and a node that starts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import generate_latest

from ingest.log.poison import DamagedRecordError, LostRecordsError
from ingest.log.reader import LogReader
from ingest.metrics import build_registry
from ingest.service import IngestService
from ingest.settings import LogSettings
from schemas.events import NodeStopped
from schemas.frames import encode_events, frame_headers
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings
from tests.integration.ingest.client import connected
from tests.integration.ingest.kit import running, settings
from tests.integration.ingest.test_journal import publish_many

PARTITION = 1


async def write_rubbish(kafka: KafkaSettings) -> int:
    """Append a record that is no frame; its offset."""
    async with AIOKafkaProducer(**kafka_client_options(kafka), acks="all") as producer:
        record = await producer.send_and_wait(kafka.events_topic, b"rubbish", partition=PARTITION)
        return int(record.offset)


async def test_a_damaged_record_stops_a_start_unless_it_may_be_put_aside(kafka: KafkaSettings) -> None:
    """Given a log with a damaged record, when a node starts, then it refuses and names the record and the setting;
    with that setting it starts, serves, and shows how many records it has put aside."""
    async with running(kafka) as (_, port), connected(port, "client") as client:
        await publish_many(client, "client", 5)
    place = f"{PARTITION}/{await write_rubbish(kafka)}"
    refused = IngestService(settings(kafka))
    with pytest.raises(DamagedRecordError, match=rf"record {place} .* of {kafka.events_topic} .*log\.quarantine"):
        await refused.start()
    await refused.stop()
    for allowed in (LogSettings(quarantine=place), LogSettings(poison="skip")):
        service = IngestService(replace(settings(kafka), log=allowed))
        try:
            await service.start()
            assert service.address is not None
            async with connected(service.address[1], "client") as client:
                await publish_many(client, "client", 5, 5)
            shown = generate_latest(build_registry(service)).decode()
            assert "mqledger_ingest_records_put_aside_total 1.0" in shown
        finally:
            await service.stop()


async def test_a_partition_that_has_lost_its_end_stops_a_start_unless_that_may_be(kafka: KafkaSettings) -> None:
    """Given a frame whose node had applied more of a partition than there is, when a node starts, then it refuses and
    says how much is lost; with the setting that it names it starts and serves."""
    async with running(kafka) as (service, port), connected(port, "client") as client:
        await publish_many(client, "client", 5)
        vector = service.journal.vector
    end = (await _ends(kafka))[PARTITION]
    vector[PARTITION] = end + 36
    events = [NodeStopped("other", 0)]
    async with AIOKafkaProducer(**kafka_client_options(kafka), acks="all") as producer:
        headers = frame_headers("other", 0, 0, 1, vector, events)
        await producer.send_and_wait(kafka.events_topic, encode_events(events), headers=headers, partition=0)
    refused = IngestService(settings(kafka))
    with pytest.raises(LostRecordsError, match=rf"partition {PARTITION} of .* ends at {end}, .* 36 records"):
        await refused.start()
    await refused.stop()
    service = IngestService(replace(settings(kafka), log=LogSettings(lost=f"{PARTITION}/{end + 36}")))
    try:
        await service.start()
        assert service.address is not None
        async with connected(service.address[1], "client") as client:
            await publish_many(client, "client", 5, 5)
    finally:
        await service.stop()


async def _ends(kafka: KafkaSettings) -> list[int]:
    reader = LogReader(kafka, "ends")
    await reader.start()
    try:
        return await reader.ends()
    finally:
        await reader.stop()
