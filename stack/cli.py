"""The command line ``mqledger``. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from ops import cores
from schemas.settings import SettingsError
from stack.app import App
from stack.errors import StackError

LAZY: Mapping[str, str] = {
    "events": "stack.events",
    "replay": "stack.replay",
    **dict.fromkeys(("session", "kick"), "stack.cli_sessions"),
    **dict.fromkeys(("publish", "retained", "subscription", "route"), "stack.cli_messages"),
    **dict.fromkeys(("user", "acl", "ban"), "stack.cli_access"),
    **dict.fromkeys(("whoami", "passwd", "token", "account", "key"), "stack.cli_accounts"),
    **dict.fromkeys(("node", "listener", "plugin", "connection"), "stack.cli_nodes"),
    **dict.fromkeys(("stats", "metrics", "reload", "command"), "stack.cli_nodes"),
    "admin": "stack.cli_admin",
}
"""Commands that live in modules of their own, under the same name there."""


SERVERS: Mapping[str, str] = {"aiokafka": "Kafka", "asyncpg": "Postgres"}
"""Whose failure it is, by the package of the exception."""


class Failure(click.ClickException):
    """A sentence for a person, without a traceback."""

    def show(self, file: Any = None) -> None:
        """Print the sentence."""
        click.echo(f"mqledger: {self.message}", err=True)


class Commands(click.Group):
    """The group of all commands: some imported when asked for, all with errors as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the product's own story."""
        return [*super().list_commands(ctx), *(name for name in LAZY if _found(LAZY[name]))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name, imported if it lives elsewhere."""
        if cmd_name in LAZY and _found(LAZY[cmd_name]):
            command = getattr(importlib.import_module(LAZY[cmd_name]), cmd_name)
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a person can mend is one sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except (StackError, SettingsError) as error:
            raise Failure(str(error)) from error
        except Exception as error:
            if not (sentence := explained(error)):
                raise
            raise Failure(sentence) from error


def explained(error: Exception) -> str:
    """A sentence about a failure of what we use; empty for anything else, which is a defect of ours."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"There is no space left for {error.filename or 'a file'}; free some and try again."
    server = SERVERS.get(type(error).__module__.partition(".")[0])
    if server is not None:
        return f"{server} failed: {type(error).__name__}: {error}; see `mqledger status`."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} can't be used: {error.strerror}."
    if isinstance(error, ConnectionError | TimeoutError) and not isinstance(error, BrokenPipeError):  # no reader left
        return f"A connection broke ({error.strerror or type(error).__name__}); see `mqledger status`."
    return ""


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait for Kafka, topics and Postgres.  [default: stack.wait, 60]",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    envvar="MQLEDGER_CONFIG",
    show_envvar=True,
    help="TOML file with settings; the environment (MQLEDGER_SECTION__NAME) wins over it.",
)
@click.version_option(package_name="mqledger", prog_name="mqledger")
@click.pass_context
def cli(ctx: click.Context, config_file: Path | None) -> None:
    """An event-sourced message broker: MQTT in, a Kafka log as the truth, Postgres read models, an HTTP API.

    `mqledger up` runs all of it on this machine. Each service also runs alone, against any Kafka and
    Postgres: topics, migrate, then ingest, projector, connector and api.
    """
    ctx.obj = App(config_file)


@cli.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder for data and logs.  [default: local.data, var]")
@click.pass_obj
def up(app: App, data: Path | None) -> None:
    """Run everything on this machine, until Ctrl-C.

    Starts Kafka, Postgres, an ingest node, a projector, the connector and the API on loopback, shows where they are,
    restarts what dies and stops all in order. Data stays in the data folder.
    """
    from stack.config import load
    from stack.up import up as run

    config = app.config_for_up
    if data is not None:
        config = load(None, config.environment(local__data=data.absolute()))
    run(config, app.err)


@cli.command()
@wait_option
@click.pass_obj
def ingest(app: App, wait: float | None) -> None:
    """Run an ingest node: MQTT sockets to the log and back."""
    from stack.wait import for_kafka, for_topics

    settings = app.config.ingest
    _wait(
        "ingest",
        app,
        wait,
        (lambda seconds: for_kafka(settings.kafka, seconds)),
        (lambda seconds: for_topics(settings.kafka, seconds)),
    )
    from ingest.main import run

    sys.exit(run(settings))


@cli.command()
@wait_option
@click.pass_obj
def projector(app: App, wait: float | None) -> None:
    """Run a projector: folds the log into the read models."""
    from stack.services import named_by_host
    from stack.wait import for_kafka, for_postgres, for_tables, for_topics

    settings = named_by_host(app.config.projector)
    _wait(
        "projector",
        app,
        wait,
        lambda seconds: for_kafka(settings.kafka, seconds),
        lambda seconds: for_topics(settings.kafka, seconds),
        lambda seconds: for_postgres(settings.postgres, seconds),
        lambda seconds: for_tables(settings.postgres, seconds),
    )
    from projector.main import run

    sys.exit(run(settings))


@cli.command()
@wait_option
@click.pass_obj
def connector(app: App, wait: float | None) -> None:
    """Run a connector: keeps connections to other brokers."""
    from stack.wait import for_kafka, for_topics

    settings = app.config.connector
    _wait(
        "connector",
        app,
        wait,
        lambda seconds: for_kafka(settings.kafka, seconds),
        lambda seconds: for_topics(settings.kafka, seconds),
    )
    from connector.main import run

    sys.exit(run(settings))


@cli.command()
@wait_option
@click.pass_obj
def api(app: App, wait: float | None) -> None:
    """Run the query API: read models to HTTP."""
    from stack.wait import for_postgres, for_tables

    settings = app.config.api
    _wait(
        "api",
        app,
        wait,
        lambda seconds: for_postgres(settings.postgres, seconds),
        lambda seconds: for_tables(settings.postgres, seconds),
    )
    from query_api.main import run

    sys.exit(run(settings, lambda: app.reread.api))


def _wait(service: str, app: App, wait: float | None, *steps: Callable[[float], Any]) -> None:
    """Set up logs, then wait for one thing after the other."""
    import asyncio

    from ops.logging import configure_logging

    configure_logging(service, app.config.stack.logging.level)

    async def all_steps() -> None:
        for step in steps:
            await step(app.config.stack.wait if wait is None else wait)

    asyncio.run(all_steps())


@cli.command()
@click.option("--mend", is_flag=True, help="Set topic settings that differ from what they must be.")
@click.option("--check", is_flag=True, help="Create and change nothing; only look.")
@wait_option
@click.pass_obj
def topics(app: App, mend: bool, check: bool, wait: float | None) -> None:
    """Create Kafka's topics and check that they keep our promises."""
    import asyncio

    from stack.topics_view import show_topics
    from stack.wait import for_kafka

    settings = app.config.kafka
    _wait("topics", app, wait, lambda seconds: for_kafka(settings, seconds))
    sys.exit(asyncio.run(show_topics(settings, app.out, mend=mend, check=check)))


@cli.command()
@wait_option
@click.pass_obj
def migrate(app: App, wait: float | None) -> None:
    """Bring the read models' tables up to date."""
    from stack.wait import for_postgres

    settings = app.config.postgres
    _wait("migrate", app, wait, lambda seconds: for_postgres(settings, seconds))
    from projector.migrations import migrate as run

    applied = run(settings)
    for name in applied:
        app.out.print(f"applied {name}", markup=False)
    if not applied:
        app.out.print("the tables are up to date")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """Show the health and lag of everything.

    Every part, how far the read models are behind the log, and versions. The exit code is 0 when everything is ready,
    else 1.
    """
    import asyncio

    from stack.status import status as ask
    from stack.status_view import status_json, status_tables

    found = asyncio.run(ask(app.config))
    if as_json:
        click.echo(status_json(found))
    else:
        for table in status_tables(found):
            app.out.print(table)
    sys.exit(0 if found.well else 1)


@cli.command()
@click.argument("service", type=click.Choice(["ingest", "projector", "connector", "api"]))
@click.option("--live", is_flag=True, help="Ask whether it lives instead of whether it is ready.")
@click.pass_obj
def health(app: App, service: str, live: bool) -> None:
    """Ask one service how it is.

    The exit code is 0 when it is well, else 1.
    """
    import asyncio

    from stack.services import ask, endpoint

    found = asyncio.run(ask(endpoint(service, app.config), "/health/live" if live else "/health/ready"))
    app.out.print(f"{service} is {'well' if found.ok else 'not well'} {found.detail}".rstrip(), markup=False)
    sys.exit(0 if found.ok else 1)


@cli.group()
def config() -> None:
    """Show and check the configuration."""


@config.command("show")
@click.option("--changed", is_flag=True, help="Only what is not a default.")
@click.pass_obj
def config_show(app: App, changed: bool) -> None:
    """Print every setting in force and where it came from; secrets are not printed."""
    from stack.config_view import settings_table

    app.out.print(settings_table(app.config, changed))


@config.command("check")
@click.pass_obj
def config_check(app: App) -> None:
    """Say whether the configuration is valid; list everything that is wrong."""
    sources = {setting.source for setting in app.config.settings.values()}
    app.out.print(f"the configuration is valid; sources: {', '.join(sorted(sources))}", markup=False)


@config.command("docs")
def config_docs() -> None:
    """Print docs/configuration.md."""
    from stack.config_docs import configuration_markdown

    click.echo(configuration_markdown(), nl=False)


def main() -> None:
    """Entry point of the program."""
    cores.forbid()  # before anything secret is read
    cli(prog_name="mqledger")


if __name__ == "__main__":
    main()
