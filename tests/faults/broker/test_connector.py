"""A connector while Kafka is away: connections stay, and what happens to them is told when it is back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from schemas.settings import KafkaSettings
from stack.local.ports import free_port
from stack.topics import ensure_topics
from tests.farkit.broker import far_broker
from tests.faults.broker.breakable import BreakableKafka
from tests.integration.connector.log import connection, logs
from tests.integration.connector.test_process import metrics, until
from tests.mqttkit import elapse
from tests.stackkit.process import Service, new_service
from tests.stackkit.services import fresh_kafka

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AWAY = 7.0
"""Seconds; the group of connectors misses a member after six."""


async def test_connections_ride_it_out(breakable: BreakableKafka, tmp_path: Path) -> None:
    async with connector(breakable, tmp_path) as (kafka, service), far_broker(tmp_path, "mqtt") as steady:
        port = free_port()
        async with logs(kafka) as log, far_broker(tmp_path, "mqtt", port=port):
            first = await log.admin(connection("steady", f"mqtt://127.0.0.1:{steady}"))
            lost = await log.admin(connection("lost", f"mqtt://127.0.0.1:{port}"))
            for name, position in (("steady", first), ("lost", lost)):
                await until(partial(log.is_connected, name, position), service.words)
        with breakable.dead():
            elapse(AWAY)
            assert 'mqledger_connector_connections{state="connected"} 1.0' in metrics(service), "it does not let go"
        async with logs(kafka) as log:
            statuses = await log.statuses()
            again = await log.admin(connection("new", f"mqtt://127.0.0.1:{steady}"))
            await until(partial(log.is_connected, "new", again), service.words)
            latest = await log.latest()
            assert latest["steady"].connected
            assert not latest["lost"].connected
            assert [one.connected for one in statuses if one.connection_id == "steady"] == [True], "it never went away"


@asynccontextmanager
async def connector(breakable: BreakableKafka, folder: Path) -> AsyncIterator[tuple[KafkaSettings, Service]]:
    """One on topics of its own."""
    kafka = fresh_kafka(breakable.services, f"f{uuid.uuid4().hex[:10]}")
    await ensure_topics(kafka)
    service = new_service("connector", kafka, breakable.services.postgres, folder, {"connector__longest_pause": 0.5})
    service.start()
    try:
        yield kafka, service
    finally:
        service.kill9()
