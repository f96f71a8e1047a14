"""What ``mqledger up`` tells: lines as things happen, and the table of endpoints with their health."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ops.health import Health
from ops.loopback import is_loopback
from query_api.dialects import served
from stack.config import Config
from stack.local.ports import LOOPBACK
from stack.services import endpoint
from stack.supervise import Running

LEAST_ROWS = 22
"""Of a terminal on which the table is drawn again: on a lower one its top would scroll away each time."""


class Story:
    """Tells on a console what the supervisor does, with the time of day once things run.

    On a terminal of some height the table of endpoints stays below the lines and is drawn again when something changes;
    elsewhere it is printed once and the lines tell what changes.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._table: Callable[[], Table] | None = None
        self._live: Live | None = None

    def show(self, table: Callable[[], Table]) -> None:
        """Everything runs: show where, and how it is."""
        self._table = table
        if not self._console.is_terminal or self._console.height < LEAST_ROWS:
            self._console.print(table())
            return
        self._live = Live(table(), console=self._console, auto_refresh=False, vertical_overflow="visible")
        self._live.start()

    def refresh(self) -> None:
        """Draw the table again, as things are now."""
        if self._live is not None and self._table is not None:
            self._live.update(self._table(), refresh=True)

    def end(self) -> None:
        """Leave the table where it is: what comes now is told in lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def first_administrator(self, secret: str) -> None:
        """The first account was made: the one time that its password is shown."""
        self._event(
            f"[bold]the first administrator is [green]admin[/] with the password [green]{escape(secret)}[/][/]; "
            "it is shown this once"
        )

    def step(self, text: str) -> None:
        """A step of ours is done."""
        self._console.print(f"[green]✓[/] {escape(text)}")

    def starting(self, name: str) -> None:
        """See Report."""
        self._console.print(f"[dim]· {name} is starting[/]")

    def waiting(self, name: str, detail: str) -> None:
        """See Report."""
        self._console.print(f"[dim]· {name} is not ready yet: {escape(detail)}[/]")

    def ready(self, name: str, seconds: float) -> None:
        """See Report."""
        self.step(f"{name} is ready after {seconds:.1f} s")

    def died(self, name: str, how: str, delay: float) -> None:
        """See Report."""
        self._event(f"[red]✗ {name} {escape(how)}[/]; it starts again in {delay:g} s")

    def trouble(self, text: str) -> None:
        """See Report."""
        self._event(f"[yellow]! {escape(text)}[/]")

    def health(self, name: str, health: Health) -> None:
        """See Report."""
        state = "[green]✓ well[/]" if health.ok else f"[yellow]! not ready[/]: {escape(health.detail)}"
        self._event(f"{name} {state}")

    def stopping(self, name: str) -> None:
        """See Report."""
        self._console.print(f"[dim]· {name} is stopping[/]")

    def stopped(self, name: str, seconds: float, killed: bool) -> None:
        """See Report."""
        if killed:
            self._console.print(f"[yellow]! {name} was killed after {seconds:.1f} s[/]")
        else:
            self.step(f"{name} stopped after {seconds:.1f} s")

    def _event(self, text: str) -> None:
        self._console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")
        self.refresh()


def endpoints(config: Config, running: Mapping[str, Running], postgres_port: int) -> Table:
    """Where each process is reached, and how it is now."""
    table = Table("service", title_justify="left")
    table.add_column("health", no_wrap=True, min_width=len("not ready"))
    table.add_column("endpoints", overflow="fold", ratio=1)
    table.add_column("process", justify="right")
    for name, urls in _urls(config, postgres_port).items():
        one = running[name]
        state = "[green]well[/]" if one.health.ok else "[yellow]not ready[/]"  # why is told in a line
        table.add_row(name, state, "\n".join(urls), str(one.process.pid))
    return table


def _urls(config: Config, postgres_port: int) -> Mapping[str, tuple[str, ...]]:
    mqtt, postgres = config.ingest.mqtt, config.postgres
    database = postgres.dsn.reveal().rpartition("/")[2]
    api = endpoint("api", config).url
    return {
        "ingest": (f"mqtt://{mqtt.host}:{mqtt.port}", *_ops("ingest", config)),
        "projector": _ops("projector", config),
        "connector": _ops("connector", config),
        "api": (f"{api}/api/v1/sessions", *_dialects(config), *_ops("api", config)),
        "kafka": (config.kafka.bootstrap,),
        "postgres": (f"{LOOPBACK}:{postgres_port}, database {database}, schema {postgres.schema}",),
    }


def _dialects(config: Config) -> tuple[str, ...]:
    """Those with a port of their own."""
    ports = {one.dialect.name: one.port_of(config.api.dialects) for one in served(config.api.dialects)}
    own = {name: replace(endpoint("api", config), port=port).url for name, port in ports.items() if port}
    return tuple(f"{url} ({name})" for name, url in own.items())


def open_to(config: Config) -> str:
    """What the API answers without a login, as a sentence."""
    role = config.api.access.anonymous
    if role == "none" or not is_loopback(config.api.host):
        return "the API answers nobody without an account"
    may = "read" if role == "loopback-read" else "read and command"
    return f"on this machine anyone may {may} without an account"


def _ops(name: str, config: Config) -> tuple[str, str]:
    base = endpoint(name, config).url
    return f"{base}/health/ready", f"{base}/metrics"
