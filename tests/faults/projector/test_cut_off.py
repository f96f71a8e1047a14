"""A projector that reaches Postgres but not Kafka must not say that it knows where the log ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projector.follower import SILENT_SECONDS
from projector.lanes import CONFIRM_SECONDS
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.faults.projector.forgetful import ForgetfulKafka
from tests.integration.projector.kit import ask, frames_of, until, until_applied, write
from tests.integration.projector.test_poison import says
from tests.unit.models.histories import history

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SINCE = """
select min(extract(epoch from now() - updated_at))::float8 as seconds, count(*) as rows from
(select updated_at from applied union all select updated_at from admin_applied) as rows
"""


async def test_positions_are_confirmed_only_while_kafka_is_heard(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    async def confirmed(least: float, most: float) -> bool:
        (row,) = await ask(migrated_postgres, SINCE)
        return bool(row["rows"] == kafka.partitions + 1 and least <= row["seconds"] <= most)

    await write(kafka, 0, frames_of(history(1, 20)))
    async with ForgetfulKafka(kafka.bootstrap, (), "none") as proxy:
        projector = run_service("projector", kafka=replace(kafka, bootstrap=proxy.bootstrap), wait=False)
        await until_applied(migrated_postgres, {0: 20})
        await until(lambda: confirmed(0, CONFIRM_SECONDS))
        proxy.go_away()
        await until(lambda: confirmed(SILENT_SECONDS + CONFIRM_SECONDS + 1, 60), 30)
        assert await says(projector, "partition 0 hears nothing of Kafka")
        assert await says(projector, "the administration hears nothing of Kafka")
        proxy.away = False
        await write(kafka, 0, frames_of(history(2, 20)))
        await until_applied(migrated_postgres, {0: 40})
        await until(lambda: confirmed(0, CONFIRM_SECONDS))
