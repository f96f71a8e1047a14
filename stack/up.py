"""``mqledger up``: the whole product on this machine, in order, until Ctrl-C.

Order: lock the data folder, check ports, fetch and lay out; then Kafka and its topics beside Postgres and
its tables, each service as soon as what it needs is there; then follow them. Everything stops in order (API,
connector, projector, ingest, Kafka, Postgres), whatever went wrong on the way.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from query_api.dialects import served
from schemas.settings import Secret
from stack.config import PREFIX, Config, load
from stack.console import Downloads
from stack.errors import StackError
from stack.local.files import kept_key, write_private
from stack.local.lock import LOCAL_FILE, lock_data
from stack.local.ports import LOOPBACK, free_port, require_free
from stack.local.services import Local, LocalPlan, prepare
from stack.services import service_unit
from stack.story import Story, endpoints, open_to
from stack.supervise import Supervisor
from stack.topics import ensure_topics

KEY_FILE = "sealing-key"
"""In the data folder: seals the secrets of connections, unless ``connections.keys`` is set."""
SERVICE_START_SECONDS = 600.0
"""A node folds the log from its beginning before it is ready; it says how far it is in its health."""


SECRET_INTERVAL = 0.5


class Up:
    """One run of the whole product."""

    def __init__(self, config: Config, console: Console) -> None:
        self._config = config
        self._console = console
        self._story = Story(console)
        self._data = Path(config.stack.local.data).absolute()
        self._supervisor = Supervisor(self._data, self._story, lock_data(self._data))
        self._stop = asyncio.Event()
        self._postgres_port = 0
        self._first_secret = self._data / "run" / "first-secret"

    async def run(self) -> None:
        """Start everything, follow it until asked to stop, stop everything. Raises StackError."""
        begun = time.monotonic()
        self._listen_for_signals()
        try:
            if await self._unless_stopped(self._start):
                self._story.show(partial(self._endpoints, time.monotonic() - begun))
                await self._unless_stopped(self._follow)
        finally:
            self._story.end()
            await self._supervisor.stop()
            (self._data / LOCAL_FILE).unlink(missing_ok=True)

    async def _follow(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._supervisor.watch())
            group.create_task(self._first_administrator())

    async def _first_administrator(self) -> None:
        """Tell the password of the first administrator, should one be made: here, once, and nowhere else."""
        file = self._first_secret
        while not file.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(SECRET_INTERVAL)
        secret = file.read_text(encoding="utf-8")
        file.unlink()
        self._story.first_administrator(secret)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._supervisor.hurry()
            return
        self._story.end()
        self._console.print("stopping; a second Ctrl-C kills what does not stop by itself")
        self._stop.set()

    async def _unless_stopped(self, work: Callable[[], object]) -> bool:
        """Run a coroutine function until it is done or a stop is asked for; whether it got done."""
        coroutine = work()
        assert asyncio.iscoroutine(coroutine)
        task, stopped = asyncio.create_task(coroutine), asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for pending in (stopped, task):
            if not pending.done():
                pending.cancel()
        await asyncio.wait({task})
        if task.cancelled():
            return False
        task.result()
        return True

    async def _start(self) -> None:
        self._fix_ports()
        local = await asyncio.to_thread(prepare, self._plan(), Downloads(self._console))
        self._use(local)
        async with asyncio.TaskGroup() as group:
            log = group.create_task(self._start_log(local))
            tables = group.create_task(self._start_tables(local))
            group.create_task(self._start_service("ingest", log))
            group.create_task(self._start_service("projector", log, tables))
            group.create_task(self._start_service("connector", log))
            group.create_task(self._start_service("api", tables))

    async def _start_log(self, local: Local) -> None:
        await self._supervisor.start(local.kafka.unit())
        await self._topics()

    async def _start_tables(self, local: Local) -> None:
        await self._supervisor.start(local.postgres.unit())
        await self._migrations()

    async def _start_service(self, name: str, *needed: asyncio.Task[None]) -> None:
        await asyncio.gather(*needed)
        log = self._data / "log" / f"{name}.log"
        environment = self._config.environment()
        await self._supervisor.start(service_unit(name, self._config, environment, log, SERVICE_START_SECONDS))

    def _plan(self) -> LocalPlan:
        local = self._config.stack.local
        return LocalPlan(
            data=self._data,
            kafka_port=local.kafka_port,
            postgres_port=local.postgres_port,
            java=local.java,
            cache=Path(local.cache).expanduser() if local.cache else None,
            maven_repository=local.maven_repository,
            heap_megabytes=local.kafka_heap_mb,
        )

    def _fix_ports(self) -> None:
        """Refuse taken ports before anything starts, and choose free ones where 0 is asked for."""
        config = self._config
        wanted = {
            "mqtt.port": ("MQTT", config.ingest.mqtt.host, config.ingest.mqtt.port),
            "ingest.http_port": ("health of ingest", config.ingest.http_host, config.ingest.http_port),
            "projector.http_port": ("health of the projector", config.projector.http_host, config.projector.http_port),
            "connector.http_port": ("health of the connector", config.connector.http_host, config.connector.http_port),
            "api.port": ("the API", config.api.host, config.api.port),
        }
        chosen: dict[str, object] = {}
        for dotted, (purpose, host, port) in wanted.items():
            variable = f"{PREFIX}{dotted.replace('.', '__')}".upper()
            require_free(host, port, purpose, f"{variable}=PORT")
            chosen[dotted.replace(".", "__")] = port or free_port()
        for one in served(config.api.dialects):
            variable = f"{PREFIX}dialects__{one.port}".upper()
            require_free(config.api.host, one.port_of(config.api.dialects), one.dialect.name, f"{variable}=PORT")
        if not config.api.access.first_secret_file:
            self._first_secret.unlink(missing_ok=True)
            chosen["access__first_secret_file"] = str(self._first_secret)
        self._config = load(None, self._config.environment(**chosen))

    def _use(self, local: Local) -> None:
        """Point our services, and other commands started in this folder, at the two servers."""
        dsn = local.postgres.dsn
        self._postgres_port = local.postgres.port
        bootstrap = f"{LOOPBACK}:{local.kafka.port}"
        keys = self._config.api.connections.keys or kept_key(self._data / KEY_FILE)
        changed = self._config.environment(
            kafka__bootstrap=bootstrap, postgres__dsn=Secret(dsn), connections__keys=keys
        )
        self._config = load(None, changed)
        ports = self._config
        write_private(
            self._data / LOCAL_FILE,
            "# Made by `mqledger up` while it runs: how its commands reach it. Holds a password.\n"
            f'[kafka]\nbootstrap = "{bootstrap}"\n'
            f'[postgres]\ndsn = "{dsn}"\n'
            f"[mqtt]\nport = {ports.ingest.mqtt.port}\n"
            f"[ingest]\nhttp_port = {ports.ingest.http_port}\n"
            f"[projector]\nhttp_port = {ports.projector.http_port}\n"
            f"[connector]\nhttp_port = {ports.connector.http_port}\n"
            f'[connections]\nkeys = "{keys.reveal()}"\n'
            f"[api]\nport = {ports.api.port}\n",
        )

    async def _topics(self) -> None:
        states = await ensure_topics(self._config.kafka)
        problems = [problem for state in states for problem in state.problems]
        if problems:
            raise StackError("Kafka's topics would break a promise: " + "; ".join(problems))
        created = sum(state.action == "created" for state in states)
        self._story.step(f"topics are as they must be ({created} created)")

    async def _migrations(self) -> None:
        from projector.migrations import migrate

        applied = await asyncio.to_thread(migrate, self._config.postgres)
        self._story.step(f"tables are up to date ({len(applied)} migrations applied)")

    def _endpoints(self, seconds: float) -> Table:
        table = endpoints(self._config, self._supervisor.running, self._postgres_port)
        table.title = f"mqledger is up after {seconds:.1f} s"
        table.caption = f"data and logs: {self._data} · Ctrl-C stops everything in order\n{open_to(self._config)}"
        table.caption_justify = "left"
        return table


def up(config: Config, console: Console) -> None:
    """Run the whole product in this process's main thread. Raises StackError."""
    try:
        asyncio.run(_up(config, console))
    except* StackError as group:
        raise StackError("\n".join(dict.fromkeys(_sentences(group)))) from group


async def _up(config: Config, console: Console) -> None:
    await Up(config, console).run()


def _sentences(group: BaseExceptionGroup[BaseException]) -> Iterator[str]:
    """Two that start at once may both fail; each sentence counts, and comes again from whoever waited for it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _sentences(error)
        else:
            yield str(error)
