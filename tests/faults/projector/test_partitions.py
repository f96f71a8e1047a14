"""A worker gets its partitions, whatever Kafka said of its topics at first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.faults.projector.forgetful import ForgetfulKafka
from tests.integration.projector.kit import assert_same, frames_of, until_applied, write
from tests.unit.models.histories import history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_topics_that_were_unknown_when_the_group_was_assigned(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    """Kafka comes back, and the leader of the group assigns partitions before it has heard of any."""
    for partition in range(4):
        await write(kafka, partition, frames_of(history(partition, 50, partition=partition)))
    async with ForgetfulKafka(kafka.bootstrap, (kafka.events_topic, kafka.nodes_topic), "faust") as proxy:
        run_service("projector", kafka=replace(kafka, bootstrap=proxy.bootstrap), wait=False)
        await until_applied(migrated_postgres, dict.fromkeys(range(4), 50))
        assert not proxy.forgetting
    await assert_same(kafka, migrated_postgres)
