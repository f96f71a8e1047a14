"""``mqledger node``, ``listener``, ``plugin``, ``connection``, ``stats``, ``metrics``, ``reload``, ``command``."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from stack.cli_remote import Remote, limit, remote, secret, stdin_option

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Metric:
    """How often something happened."""

    node: str | None
    """Where; None: in the tenant."""
    name: str
    value: int


@click.group()
def node() -> None:
    """Nodes of the cluster."""


@node.command("list")
@remote
def node_list(api: Remote) -> None:
    """List nodes as they last reported."""
    api.rows(api.client.list_nodes().items, "node", "state", "version", "host", "started_at", "reported_at", "modules")


@node.command("show")
@click.argument("name")
@remote
def node_show(api: Remote, name: str) -> None:
    """Show everything that a node reports."""
    api.one(api.client.get_node(name))


@click.group()
def listener() -> None:
    """Where nodes take connections."""


@listener.command("list")
@remote
def listener_list(api: Remote) -> None:
    """List the listeners of the nodes that run."""
    api.rows(api.client.list_listeners().items, "node", "name", "protocol", "address", "port", "connections", "active")


node_option = click.option("--node", help="Of this node only.")


@listener.command("start")
@click.argument("name")
@node_option
@remote
def listener_start(api: Remote, name: str, node: str | None) -> None:
    """Take connections."""
    from mqledger_client import models

    api.outcome(api.client.switch_listener(name, models.Switch(active=True), node=node), f"started {name}")


@listener.command("stop")
@click.argument("name")
@node_option
@remote
def listener_stop(api: Remote, name: str, node: str | None) -> None:
    """Take no more connections; those that there are stay."""
    from mqledger_client import models

    api.outcome(api.client.switch_listener(name, models.Switch(active=False), node=node), f"stopped {name}")


@click.group()
def plugin() -> None:
    """Modules of the broker: each runs on all nodes or on none."""


@plugin.command("list")
@remote
def plugin_list(api: Remote) -> None:
    """List modules."""
    api.rows(api.client.list_plugins().items, "name", "active", "description")


@plugin.command("start")
@click.argument("name")
@remote
def plugin_start(api: Remote, name: str) -> None:
    """Start a module on all nodes."""
    from mqledger_client import models

    api.outcome(api.client.switch_plugin(name, models.Switch(active=True)), f"started {name}")


@plugin.command("stop")
@click.argument("name")
@remote
def plugin_stop(api: Remote, name: str) -> None:
    """Stop a module on all nodes."""
    from mqledger_client import models

    api.outcome(api.client.switch_plugin(name, models.Switch(active=False)), f"stopped {name}")


@click.group()
def connection() -> None:
    """Connections to other brokers."""


@connection.command("list")
@limit
@remote
def connection_list(api: Remote, limit: int) -> None:
    """List connections, and how they are."""
    rows = api.every(lambda at: api.client.list_connections(cursor=at), limit)
    api.rows(rows, "id", "name", "url", "username", "connected", "since", "error")


@connection.command("show")
@click.argument("connection_id")
@remote
def connection_show(api: Remote, connection_id: str) -> None:
    """Show a connection, and how it is."""
    api.one(api.client.get_connection(connection_id))


def _given(command: F) -> F:
    """The options that say what a connection is."""
    file = click.Path(exists=True, dir_okay=False)
    for option in reversed((
        click.argument("connection_id"),
        click.argument("broker"),
        click.option("--name", help="The id without it."),
        click.option("--user", "username", help="User there; the password is asked for."),
        stdin_option,
        click.option("--client-id"),
        click.option("--no-verify", is_flag=True, help="Believe any certificate."),
        click.option("--ca", type=file, help="File of certificates to believe."),
        click.option("--cert", type=file, help="File with our certificate."),
        click.option("--key", type=file, help="File with its key."),
    )):  # fmt: skip
        command = option(command)
    return command


@connection.command("add")
@_given
@remote
def connection_add(api: Remote, connection_id: str, **given: Any) -> None:
    """Keep a connection to another broker.

    Its URL begins with mqtt://, mqtts://, ws:// or wss://.
    """
    from mqledger_client import models

    body = models.NewConnection(id=connection_id, **_body(connection_id, **given))
    api.outcome(api.client.add_connection(body), f"added {connection_id}")


@connection.command("set")
@_given
@remote
def connection_set(api: Remote, connection_id: str, **given: Any) -> None:
    """Make or replace a connection.

    What is not given again is gone, secrets too.
    """
    from mqledger_client import models

    body = models.ConnectionGiven(**_body(connection_id, **given))
    api.outcome(api.client.put_connection(connection_id, body), f"set {connection_id}")


@connection.command("rm")
@click.argument("connection_id")
@remote
def connection_rm(api: Remote, connection_id: str) -> None:
    """Remove a connection."""
    api.outcome(api.client.delete_connection(connection_id), f"removed {connection_id}")


def _body(
    connection_id: str,
    *,
    broker: str,
    name: str | None,
    username: str | None,
    password_stdin: bool,
    no_verify: bool,
    ca: str | None,
    cert: str | None,
    key: str | None,
    client_id: str | None,
) -> dict[str, Any]:
    return {
        "name": name or connection_id,
        "url": broker,
        "username": username,
        "password": secret(f"Password of {username}", password_stdin) if username else None,
        "client_id": client_id,
        "verify": not no_verify,
        "ca": _encoded(ca),
        "cert": _encoded(cert),
        "key": _encoded(key),
    }


def _encoded(file: str | None) -> str:
    return "" if file is None else base64.b64encode(Path(file).read_bytes()).decode()


@click.command()
@remote
def stats(api: Remote) -> None:
    """Show the numbers of the tenant."""
    api.one(api.client.get_stats())


@click.command()
@remote
def metrics(api: Remote) -> None:
    """Show what happened, by name.

    In the tenant since the log began, and at nodes since each started.
    """
    found = api.client.get_metrics()
    of_nodes = [(name, numbers) for name, numbers in sorted(found.nodes.items())]
    rows = [
        Metric(node, name, value)
        for node, numbers in [(None, found.tenant), *of_nodes]
        for name, value in sorted(numbers.items())
    ]
    api.rows(rows, "node", "name", "value")


@click.command()
@remote
def reload(api: Remote) -> None:
    """Have the API read its configuration again."""
    api.one(api.client.reload())


@click.group()
def command() -> None:
    """Commands that were asked for, and what came of them."""


@command.command("list")
@click.option("--client-id", help="Those for this client.")
@click.option("--actor", help="Those of this account.")
@limit
@remote
def command_list(api: Remote, client_id: str | None, actor: str | None, limit: int) -> None:
    """List commands, newest first."""
    rows = api.every(lambda at: api.client.list_commands(cursor=at, client_id=client_id, actor=actor), limit)
    api.rows(rows, "asked_at", "verb", "client_id", "target", "actor", "address", "outcome", "id")


@command.command("show")
@click.argument("command_id")
@remote
def command_show(api: Remote, command_id: str) -> None:
    """Show a command and what came of it."""
    api.one(api.client.get_command(command_id))
