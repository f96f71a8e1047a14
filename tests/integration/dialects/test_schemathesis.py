"""Odd requests by the hundred at a stack of their own: the same ones each time, all checks on for the native API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from tests.integration.dialects.live import live_stack
from tests.schemathesis.__main__ import Target, run

TESTED = {
    "access__anonymous": "none",
    "access__failures_by_name": 1_000_000,
    "access__failures_by_address": 1_000_000,
}
"""Who logs in wrongly is refused, however often, and not taken for somebody without an account."""
SECONDS = 30
SHORT = ("--phases", "coverage", "--max-time", str(SECONDS), "--generation-deterministic", "--no-shrink")
"""As far as it comes in that time, always in the same order; `python -m tests.schemathesis` goes on for long."""


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["native"])
def test_no_request_breaks_a_dialect(
    dialect: str,
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with live_stack(new_kafka(), new_postgres(migrated=True), tmp_path, **TESTED) as live:
        target = Target(f"http://127.0.0.1:{live.port('fluxmq')}", "admin", live.password)
        code = run(dialect, target, SHORT)
        assert code == 0, capfd.readouterr().out[-6000:]
