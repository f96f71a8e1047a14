"""The connector as a process: it does what the log of administration says, and another takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx

from schemas.admin import ConnectionRemoved, PluginSet
from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.conftest import RunService
from tests.farkit.broker import far_broker
from tests.integration.connector.log import Log, connection, logs, order
from tests.stackkit.eventually import eventually
from tests.stackkit.process import Service

SECRET = b"a password that nobody should see"


async def test_it_does_what_the_log_says(
    run_service: RunService, kafka: KafkaSettings, postgres: PostgresSettings, tmp_path: Path
) -> None:
    async with far_broker(tmp_path, "mqtt") as port, logs(kafka) as log:
        first = await log.admin(connection("one", f"mqtt://127.0.0.1:{port}", password=SECRET))
        connector = run_service("connector", postgres=postgres)
        await until(partial(log.is_connected, "one", first), connector.words)
        await log.admin(connection("two", f"mqtt://127.0.0.1:{free_port()}"))
        await until(partial(failed, log, "two", "ECONNREFUSED"))
        assert metrics(connector) >= {
            'mqledger_connector_connections{state="connected"} 1.0',
            'mqledger_connector_connections{state="failed"} 1.0',
            "mqledger_connector_acting 1.0",
        }
        await log.admin(PluginSet(order(), "connections", False))
        await until(partial(failed, log, "one", "ECONNCLOSED"))
        await log.admin(PluginSet(order(), "connections", True))
        await until(partial(log.is_connected, "one", first))
        await log.admin(ConnectionRemoved(order(), "default", "one"))
        await eventually(lambda: 'mqledger_connector_connections{state="connected"} 0.0' in metrics(connector), 20)
        again = await log.admin(connection("one", f"mqtt://127.0.0.1:{port}"))
        await until(partial(log.is_connected, "one", again))
        assert connector.stop() == 0
        assert await failed(log, "one", "ECONNCLOSED")
        assert SECRET.decode() not in connector.log.read_text()


async def test_another_takes_over(
    run_service: RunService, kafka: KafkaSettings, postgres: PostgresSettings, tmp_path: Path
) -> None:
    async with far_broker(tmp_path, "mqtt") as port, logs(kafka) as log:
        position = await log.admin(connection("one", f"mqtt://127.0.0.1:{port}"))
        first = run_service("connector", postgres=postgres, connector__name="a")
        await until(partial(log.is_connected, "one", position))
        second = run_service("connector", postgres=postgres, connector__name="b")
        assert "standing by" in ready(second)
        assert len(await log.statuses()) == 1, "who joins takes nothing away"
        assert second.stop() == 0
        second.start()
        killed_at = time.time()
        first.kill9()
        await until(partial(told_since, log, killed_at), second.words)
        assert (await log.latest())["one"].at / 1000 - killed_at < 12
        first.start()
        assert second.stop() == 0, "in good order"
        stopped_at = time.time()
        await until(partial(told_since, log, stopped_at), first.words)
        assert (await log.latest())["one"].at / 1000 - stopped_at < 5


async def until(asked: Callable[[], Coroutine[Any, Any, bool]], what: Callable[[], object] | str = "") -> None:
    await eventually(cast("Callable[[], Any]", asked), 20, what)


async def failed(log: Log, name: str, code: str) -> bool:
    status = (await log.latest()).get(name)
    return status is not None and status.error is not None and status.error.code == code


async def told_since(log: Log, when: float) -> bool:
    status = (await log.latest())["one"]
    return status.connected and status.at / 1000 > when


def metrics(connector: Service) -> set[str]:
    return set(httpx.get(f"{connector.url}/metrics", trust_env=False).text.splitlines())


def ready(connector: Service) -> str:
    return str(httpx.get(f"{connector.url}/health/ready", trust_env=False).json()["detail"])
