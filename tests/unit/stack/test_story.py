"""What ``mqledger up`` shows: endpoints that can be copied, and health that is true now."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console
from rich.table import Table

from ops.health import Health
from schemas.settings import Secret
from stack.config import load
from stack.story import Story, endpoints
from stack.supervise import Running

NAMES = ("ingest", "projector", "connector", "api", "kafka", "postgres")
DSN = Secret("postgresql://postgres:s3cret@127.0.0.1:25433/mqledger")


def running(**health: Health) -> Mapping[str, Running]:
    """All processes, well unless said otherwise."""
    found = {
        name: SimpleNamespace(health=health.get(name, Health(True)), process=SimpleNamespace(pid=4_194_000 + i))
        for i, name in enumerate(NAMES)
    }
    return cast("Mapping[str, Running]", found)


def table(**health: Health) -> Table:
    config = load(None, {"MQLEDGER_POSTGRES__DSN": DSN.reveal()}, local_stack=False)
    return endpoints(config, running(**health), 25433)


def screen(height: int = 24) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=height, color_system=None, highlight=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_endpoint_can_be_copied_from_80_columns() -> None:
    console = screen()
    console.print(table())
    text = written(console)
    for words in (
        "mqtt://127.0.0.1:1883",
        "http://127.0.0.1:9101/health/ready",
        "http://127.0.0.1:9101/metrics",
        "http://127.0.0.1:9102/health/ready",
        "http://127.0.0.1:9102/metrics",
        "http://127.0.0.1:8082/api/v1/sessions",
        "http://127.0.0.1:8082/metrics",
        "127.0.0.1:9092",
        "127.0.0.1:25433, database mqledger, schema",
        "4194004",
    ):
        assert words in text
    assert "…" not in text
    assert "..." not in text
    assert "s3cret" not in text


def test_on_a_terminal_the_table_follows_the_health() -> None:
    console = screen()
    story = Story(console)
    now: dict[str, Health] = {}
    story.show(lambda: table(**now))
    assert "not ready │" not in written(console)
    now["api"] = Health(False, "Postgres is away")
    story.health("api", now["api"])
    assert "api ! not ready: Postgres is away" in written(console)
    assert "not ready │" in written(console)
    now.clear()
    story.health("api", Health(True))
    before = len(written(console))
    story.end()
    story.stopping("api")
    after = written(console)[before:]
    assert "127.0.0.1:9092" not in after.partition("stopping")[2], "what follows is lines alone"


@pytest.mark.parametrize("console", [Console(file=io.StringIO(), width=80), screen(height=12)], ids=["pipe", "low"])
def test_elsewhere_it_is_printed_once(console: Console) -> None:
    story = Story(console)
    story.show(table)
    story.health("api", Health(False, "away"))
    story.end()
    assert written(console).count("mqtt://") == 1
    assert "\x1b" not in written(console)
