"""A projector that has stopped dead: answers must not say that they are fresh."""

from __future__ import annotations

import os
import signal
import time

import httpx

from query_api.freshness import UNCONFIRMED_SECONDS
from schemas.settings import KafkaSettings, PostgresSettings
from tests.conftest import RunService
from tests.integration.projector.kit import frames_of, until_applied, write
from tests.stackkit.eventually import eventually_sync
from tests.unit.models.log import Log

MARGIN_SECONDS = 3.0
"""For a machine that is busy with other tests."""


async def test_answers_of_a_stopped_projector_are_not_fresh(
    run_service: RunService, kafka: KafkaSettings, migrated_postgres: PostgresSettings
) -> None:
    projector = run_service("projector")
    log = Log(0)
    log.connect("first")
    log.connect("second")
    first, *others = frames_of(log)
    await write(kafka, 0, [first])
    await until_applied(migrated_postgres, {0: 1})
    api = run_service("api")
    eventually_sync(lambda: freshness(api.url) == ("0", "0"), timeout=30)
    os.kill(projector.pid, signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        await write(kafka, 0, others)
        eventually_sync(lambda: freshness(api.url) != ("0", "0"), timeout=30)
        assert time.monotonic() - stopped < UNCONFIRMED_SECONDS + MARGIN_SECONDS
        lag, frames = freshness(api.url)
        assert lag is not None
        assert int(lag) >= UNCONFIRMED_SECONDS * 1000
        assert frames is None
    finally:
        os.kill(projector.pid, signal.SIGCONT)
    eventually_sync(lambda: freshness(api.url) == ("0", "0"), timeout=30)


def freshness(url: str) -> tuple[str | None, str | None]:
    """Lag in milliseconds and frames, as an answer says."""
    headers = httpx.get(f"{url}/api/v1/sessions?limit=1", trust_env=False).headers
    return headers.get("mqledger-lag-ms"), headers.get("mqledger-lag-frames")
