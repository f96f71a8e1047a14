"""What a suite has left in its logs: the projector folds them, `mqledger replay --verify` finds no difference, and the
tables of the administration are those of a fresh fold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from projector.migrations import migrate
from schemas.settings import KafkaSettings, PostgresSettings
from tests.integration.projector.admin import assert_admin_same, fresh_admin_fold, until_admin_applied
from tests.stackkit.eventually import eventually, run_async
from tests.stackkit.log_ends import log_ends
from tests.stackkit.process import new_service

SETTLE_SECONDS = 60.0
VERIFY_SECONDS = 120.0


def prove(kafka: KafkaSettings, new_postgres: Callable[[], PostgresSettings], folder: Path) -> None:
    """Fold the logs into tables of their own and compare them with a fresh fold.

    Nobody may write to the logs any more. Raises AssertionError when they differ.
    """
    postgres = new_postgres()
    migrate(postgres)
    projector = new_service("projector", kafka, postgres, folder, {})
    try:
        projector.start()
        run_async(_folded(kafka, postgres))
        run_async(_administration(kafka, postgres))
    finally:
        projector.kill9()
    done = subprocess.run(
        [sys.executable, "-m", "stack.cli", "replay", "--verify", "--no-progress"],
        env=projector.whole_environment,
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no difference" in done.stdout


async def _folded(kafka: KafkaSettings, postgres: PostgresSettings) -> None:
    """Wait until the tables hold the whole log."""
    ends = await log_ends(kafka)
    connection = await asyncpg.connect(postgres.dsn.reveal(), server_settings={"search_path": postgres.schema})
    try:

        async def whole() -> Any:
            applied = {row["partition"]: row["next"] for row in await connection.fetch("select * from applied")}
            return all(applied.get(p, 0) >= end for p, end in ends.items())

        await eventually(whole, SETTLE_SECONDS, f"the log ends at {ends}")
    finally:
        await connection.close()


async def _administration(kafka: KafkaSettings, postgres: PostgresSettings) -> None:
    await until_admin_applied(postgres, (await fresh_admin_fold(kafka)).next)
    await assert_admin_same(kafka, postgres)
