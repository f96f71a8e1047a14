"""What is killed, and the Postgres that a test may take away. Services are started here, in the main thread.

(The kernel ends a child when the thread that started it ends.)
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
import psutil

from schemas.settings import PostgresSettings
from tests.acceptance.product import Product
from tests.faults.broker.breakable import BreakableKafka
from tests.mqttkit.link import Address
from tests.mqttkit.timing import eventually
from tests.stackkit.eventually import run_async
from tests.stackkit.process import Service
from tests.stackkit.services import Services

Strike = Callable[[], None]


def strikes(product: Product, services: Services) -> Mapping[str, Strike]:
    """How each victim is killed with SIGKILL and comes back: services at once, servers by their supervisor."""
    kafka, postgres = BreakableKafka(services), OwnPostgres(services)

    def service(victim: Service) -> Strike:
        def strike() -> None:
            assert victim.running, f"{victim.name} ended by itself:\n{victim.words()}"
            victim.kill9()
            victim.start(wait=False)

        return strike

    def kill_kafka() -> None:
        kafka.wait_until_back()
        kafka.kill()

    return {
        "projector": service(product.projector),
        "api": service(product.service),
        "ingest": service(product.ingest),
        "kafka": kill_kafka,
        "postgres": postgres.kill,
    }


class OwnPostgres:
    """The Postgres of a local stack of our own, whose supervisor starts it again when it dies."""

    def __init__(self, services: Services) -> None:
        assert services.data is not None, "only a local stack may be broken"
        self._services = services
        self._supervisor = services.data / "lock"
        url = urlsplit(services.postgres.dsn.reveal())
        assert url.hostname is not None
        assert url.port is not None
        self._address: Address = (url.hostname, url.port)

    def wait_until_back(self) -> None:
        """Wait until it takes a login, as it doesn't while it recovers."""
        eventually(self._serves, "Postgres serves", 60)

    def kill(self) -> None:
        """SIGKILL, when it is there; the supervisor starts it again."""
        self.wait_until_back()
        old = self._services.pid("postgres")
        os.kill(old, signal.SIGKILL)
        eventually(lambda: not psutil.pid_exists(old), "Postgres is gone")

    def execute(self, *statements: str) -> None:
        """Run statements as its owner."""
        run_async(execute(self._services.postgres, statements))

    @contextmanager
    def flushing_late(self) -> Iterator[None]:
        """Whoever does not wait for the disk may lose the last seconds within, when it is killed."""
        self.execute("alter system set wal_writer_delay = '10s'", "select pg_reload_conf()")
        try:
            yield
        finally:
            self.wait_until_back()
            self.execute("alter system reset wal_writer_delay", "select pg_reload_conf()")

    @contextmanager
    def dead(self) -> Iterator[None]:
        """It is killed and stays away within; connections are refused."""
        supervisor = int(self._supervisor.read_text())
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(self._services.pid("postgres"), signal.SIGKILL)
            eventually(lambda: not self._listens(), "Postgres is gone")
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.wait_until_back()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Neither it nor its backends answer within; nothing is closed."""
        postmaster = psutil.Process(self._services.pid("postgres"))
        stopped = [postmaster]
        postmaster.suspend()  # first, so that it makes no more of them
        try:
            for backend in postmaster.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself meanwhile
                    backend.suspend()
                    stopped.append(backend)
            yield
        finally:
            for process in reversed(stopped):
                with contextlib.suppress(psutil.NoSuchProcess):  # it was ending when it was stopped
                    process.resume()

    def _serves(self) -> bool:
        return bool(run_async(serves(self._services.postgres)))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self._address) == 0


async def execute(settings: PostgresSettings, statements: Iterable[str]) -> None:
    """Run statements, each in a transaction of its own."""
    connection = await asyncpg.connect(settings.dsn.reveal())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def serves(settings: PostgresSettings) -> bool:
    """Whether a Postgres takes a login now."""
    try:
        connection = await asyncpg.connect(settings.dsn.reveal(), timeout=5)
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return False
    await connection.close()
    return True
