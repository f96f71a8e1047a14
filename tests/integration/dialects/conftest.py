"""One stack for all tests of dialects: what they do is named apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from schemas.settings import KafkaSettings, PostgresSettings
from tests.integration.dialects.live import Live, live_stack


@pytest.fixture(scope="session")
def live(
    new_kafka: Callable[..., KafkaSettings],
    new_postgres: Callable[..., PostgresSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    """Everything that a dialect needs, ready, with an administrator; tenants have little room to retain, and clients
    are measured often."""
    folder = tmp_path_factory.mktemp("dialects")
    settings: dict[str, object] = {"mqtt__max_retained_bytes_per_tenant": 2_000_000, "log__counters_interval": 1.0}
    with live_stack(new_kafka(), new_postgres(migrated=True), folder, **settings) as stack:
        yield stack
