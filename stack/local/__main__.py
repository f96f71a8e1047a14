"""Kafka and Postgres alone, for development and tests: ``python -m stack.local [--data DIR]``.

Prints one JSON line with the environment that points our services at them, writes the same as shell
lines to ``DIR/run/env`` (it holds a password: mode 0600) and runs until SIGTERM, SIGINT or the end of its
parent, if told.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path

import click

from ops import cores
from ops.health import Health
from stack.console import show_downloads
from stack.errors import StackError
from stack.local.files import write_private
from stack.local.lock import lock_data
from stack.local.services import Local, LocalPlan, prepare, start
from stack.supervise import Supervisor


class Lines:
    """Reports on standard error, one line each."""

    def starting(self, name: str) -> None:
        """See Report."""
        click.echo(f"{name}: starting", err=True)

    def waiting(self, name: str, detail: str) -> None:
        """See Report."""
        click.echo(f"{name}: not ready yet: {detail}", err=True)

    def ready(self, name: str, seconds: float) -> None:
        """See Report."""
        click.echo(f"{name}: ready after {seconds:.1f} s", err=True)

    def died(self, name: str, how: str, delay: float) -> None:
        """See Report."""
        click.echo(f"{name}: {how}; starts again in {delay:g} s", err=True)

    def trouble(self, text: str) -> None:
        """See Report."""
        click.echo(text, err=True)

    def health(self, name: str, health: Health) -> None:
        """See Report."""
        click.echo(f"{name}: {'well' if health.ok else 'unwell'} {health.detail}", err=True)

    def stopping(self, name: str) -> None:
        """See Report."""
        click.echo(f"{name}: stopping", err=True)

    def stopped(self, name: str, seconds: float, killed: bool) -> None:
        """See Report."""
        click.echo(f"{name}: {'killed' if killed else 'stopped'} after {seconds:.1f} s", err=True)


def environment(local: Local) -> dict[str, str]:
    """Environment variables that point our services at the two."""
    return {
        "MQLEDGER_KAFKA__BOOTSTRAP": f"127.0.0.1:{local.kafka.port}",
        "MQLEDGER_POSTGRES__DSN": local.postgres.dsn,
    }


def write_environment(path: Path, variables: dict[str, str]) -> None:
    """Shell lines for ``source``, readable by the owner alone."""
    write_private(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


async def serve(plan: LocalPlan, lock: int) -> None:
    """Start both and run until told to stop."""
    supervisor = Supervisor(plan.data, Lines(), lock)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        local = prepare(plan, show_downloads)
        await start(local, supervisor)
        variables = environment(local)
        write_environment(plan.data / "run" / "env", variables)
        click.echo(json.dumps(variables))
        watching = asyncio.create_task(supervisor.watch())
        await stop.wait()
        watching.cancel()
    finally:
        await supervisor.stop()


@click.command()
@click.option("--data", default="var", show_default=True, help="Folder for data and logs.")
@click.option("--kafka-port", default=9092, show_default=True, help="0 takes a free one.")
@click.option("--postgres-port", default=5432, show_default=True, help="0 takes a free one.")
@click.option("--heap", default=512, show_default=True, help="Kafka's heap in MB.")
@click.option("--light", is_flag=True, help="Start quicker and run slower: for tests.")
def main(data: str, kafka_port: int, postgres_port: int, heap: int, light: bool) -> None:
    """Run Kafka and Postgres alone, until Ctrl-C."""
    cores.forbid()
    folder = Path(data).absolute()
    try:
        plan = LocalPlan(folder, kafka_port, postgres_port, heap_megabytes=heap, light=light)
        asyncio.run(serve(plan, lock_data(folder)))
    except* StackError as group:
        for error in group.exceptions:
            click.echo(f"mqledger: {error}", err=True)
        sys.stdout.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
