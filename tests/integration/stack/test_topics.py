"""Topics on a real Kafka: made as specified, checked, mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ingest.log.topic_check import TopicError, check_topics, find_topics
from schemas.settings import KafkaSettings
from stack.topics import admin_client, ensure_topics


async def test_topics_are_made_and_pass_the_check(kafka: KafkaSettings) -> None:
    await check_topics(kafka)
    states = await ensure_topics(kafka)
    assert [(state.action, state.problems) for state in states] == [("found", ())] * 4
    assert [(state.spec.name.removeprefix(kafka.topic_prefix), state.spec.partitions) for state in states] == [
        (".events", 4),
        (".nodes", 1),
        (".admin", 1),
        (".checkpoints", 4),
    ]


async def test_missing_topics_are_all_named(kafka: KafkaSettings) -> None:
    other = replace(kafka, topic_prefix=kafka.topic_prefix + "x")
    with pytest.raises(TopicError) as caught:
        await check_topics(other)
    assert len(caught.value.problems) == 4
    assert "`mqledger topics` creates it" in str(caught.value)


async def test_what_breaks_a_promise_is_refused_named_and_mended(new_kafka: Callable[..., KafkaSettings]) -> None:
    kafka = new_kafka()
    mend = "`mqledger topics --mend` sets it"
    await _set(kafka, {"retention.ms": "60000", "message.timestamp.type": "CreateTime", "segment.bytes": "20000000"})
    with pytest.raises(TopicError) as caught:
        await check_topics(kafka)
    assert list(caught.value.problems) == [
        f"{kafka.events_topic}: retention.ms is 60000 and must be -1; `mqledger topics --mend` sets it",
        f"{kafka.events_topic}: message.timestamp.type is CreateTime and must be LogAppendTime; {mend}",
    ]
    states = await ensure_topics(kafka, mend=True)
    assert [state.action for state in states] == ["mended", "found", "found", "found"]
    await check_topics(kafka)
    found = states[0].found
    assert found is not None
    assert found.overrides["segment.bytes"] == "20000000", "what else was set on the topic stays"


async def test_partitions_and_replicas_can_only_be_refused(kafka: KafkaSettings) -> None:
    with pytest.raises(TopicError) as caught:
        await check_topics(replace(kafka, partitions=8, replication=3))
    text = str(caught.value)
    assert f"{kafka.events_topic} has 4 partitions and kafka.partitions says 8" in text
    assert f"{kafka.nodes_topic} has 1 replicas and kafka.replication says 3" in text


async def _set(kafka: KafkaSettings, config: dict[str, str]) -> None:
    async with admin_client(kafka) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, kafka.events_topic, configs=config)
        await admin.alter_configs([resource])
        while not await _shows(admin, kafka.events_topic, config):  # the broker learns of it a moment later
            await asyncio.sleep(0.02)


async def _shows(admin: AIOKafkaAdminClient, topic: str, config: dict[str, str]) -> bool:
    found = (await find_topics(admin, [topic]))[topic]
    return config.items() <= dict(found.overrides).items()
