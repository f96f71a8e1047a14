"""Waiting for a real Postgres: what time will mend is waited for, what it will not is said at once."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pytest

from schemas.settings import PostgresSettings, Secret
from stack.errors import StackError
from stack.status import _postgres as postgres_line
from stack.wait import for_postgres, for_tables

LONG = 60.0
AT_ONCE = 20.0


def with_dsn(settings: PostgresSettings, **parts: str) -> PostgresSettings:
    return replace(settings, dsn=Secret(urlunsplit(urlsplit(settings.dsn.reveal())._replace(**parts))))


def with_password(settings: PostgresSettings, password: str) -> PostgresSettings:
    at = urlsplit(settings.dsn.reveal())
    return with_dsn(settings, netloc=f"{at.username}:{password}@{at.hostname}:{at.port}")


async def test_a_wrong_password_is_said_at_once_in_the_servers_words(postgres: PostgresSettings) -> None:
    wrong = with_password(postgres, "not-the-one")
    begun = time.monotonic()
    with pytest.raises(
        StackError, match="Postgres is there and does not let us in: password authentication failed"
    ) as no:
        await for_postgres(wrong, LONG)
    assert time.monotonic() - begun < AT_ONCE
    assert "not-the-one" not in str(no.value)
    line = await postgres_line(wrong)
    assert not line.ready.ok
    assert "password authentication failed" in line.ready.detail


async def test_a_missing_database_is_what_migrate_makes(postgres: PostgresSettings) -> None:
    missing = with_dsn(postgres, path=f"/{postgres.schema}_later")
    await for_postgres(missing, LONG)
    with pytest.raises(StackError, match=r"schema is not there .* does not exist\); run `mqledger migrate`"):
        await for_tables(missing, 0.0)
    with pytest.raises(StackError, match=r"is not made yet\); run `mqledger migrate`"):
        await for_tables(replace(postgres, schema="nowhere"), 0.0)


async def test_a_url_that_the_library_refuses_is_a_sentence_without_it(postgres: PostgresSettings) -> None:
    wrong = with_dsn(postgres, query="target_session_attrs=bogus-value")
    with pytest.raises(StackError, match=r"^postgres\.dsn is no URL that can be used") as no:
        await for_postgres(wrong, LONG)
    assert "bogus-value" not in str(no.value)
