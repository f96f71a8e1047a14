"""A projector, a connector and an API with accounts, for the tests of Cedalo's dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
from aiokafka import AIOKafkaProducer
from argon2 import PasswordHasher

from schemas.admin import AccountSet, AdminEvent
from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings, PostgresSettings
from stack.local.ports import free_port
from tests.integration.connector.log import order
from tests.stackkit.eventually import eventually_sync, run_async
from tests.stackkit.process import Service, new_service

PASSWORD = "a password of tests"
ACCOUNTS = {
    "admin": ("administrator", "*"),
    "manager": ("connection_manager", "default"),
    "viewer": ("viewer", "default"),
    "other": ("administrator", "other"),
}
"""Name, role and tenant."""
MOST = 6
"""Connections that a tenant may have."""


@dataclass(frozen=True)
class CedaloStack:
    """Where it is."""

    kafka: KafkaSettings
    postgres: PostgresSettings
    services: dict[str, Service]
    port: int

    def client(self, name: str = "", **options: Any) -> httpx.AsyncClient:
        """A client that is nobody, or an account by Basic authentication."""
        auth = httpx.BasicAuth(name, PASSWORD) if name else None
        base = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=base, auth=auth, trust_env=False, timeout=30, **options)

    def administer(self, *events: AdminEvent) -> None:
        """Append to mq.admin."""
        run_async(_append(self.kafka, events))

    def words(self) -> str:
        """All that the processes have logged."""
        return "\n".join(service.log.read_text() for service in self.services.values())


@contextmanager
def cedalo_stack(kafka: KafkaSettings, postgres: PostgresSettings, folder: Path) -> Iterator[CedaloStack]:
    """All of it, while it lasts; callers on loopback without credentials are nobody."""
    port = free_port()
    overrides: dict[str, object] = {
        "dialects__cedalo_port": port,
        "access__anonymous": "none",
        "connections__most": MOST,
        "connector__longest_pause": 0.5,
        "connector__timeout": 2.0,
    }
    names = ("projector", "connector", "api")
    services = {name: new_service(name, kafka, postgres, folder, overrides) for name in names}
    stack = CedaloStack(kafka, postgres, services, port)
    hashed = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    stack.administer(
        *(AccountSet(order(), "add", name, hashed, role, tenant) for name, (role, tenant) in ACCOUNTS.items())
    )
    try:
        for service in services.values():
            service.start(wait=False)
        for service in services.values():
            service.wait_ready()
        eventually_sync(_logged_in(port), 30, stack.words)
        yield stack
    finally:
        for service in services.values():
            service.kill9()


def _logged_in(port: int) -> Callable[[], bool]:
    url, auth = f"http://127.0.0.1:{port}/api/connections", httpx.BasicAuth("admin", PASSWORD)
    return lambda: httpx.get(url, auth=auth, trust_env=False).status_code == 200


async def _append(kafka: KafkaSettings, events: tuple[AdminEvent, ...]) -> None:
    producer = AIOKafkaProducer(**kafka_client_options(kafka))
    await producer.start()
    try:
        for event in events:
            await producer.send_and_wait(kafka.admin_topic, msgspec.msgpack.encode(event), partition=0)
    finally:
        await producer.stop()
