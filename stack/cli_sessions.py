"""``mqledger session``, ``kick``: clients, connected or away."""

from __future__ import annotations

import base64
from typing import Any

import click

from stack.cli_remote import Remote, limit, remote

as_of_option = click.option(
    "--as-of", metavar="TIME", help="As it was then (RFC 3339 in UTC, such as 2026-01-02T03:04:05Z)."
)
reason_option = click.option("--reason", help="What the client is told.")
only_user_option = click.option("--user", "username", help="Only if the session is this user's.")


@click.group()
def session() -> None:
    """Look at sessions, and end or change them."""


@session.command("list")
@click.option("--state", type=click.Choice(["all", "connected", "disconnected"]), default="all", show_default=True)
@click.option("--prefix", help="Client ids that begin with this; goes with --state and --as-of only.")
@click.option("--user", "username")
@click.option("--address")
@click.option("--node")
@click.option("--zone")
@click.option("--clean-start/--no-clean-start", default=None, help="Begun anew, or gone on with, by the client.")
@click.option("--version", type=click.IntRange(0, 5), help="Protocol level: 3, 4 or 5.")
@click.option("--created-from", metavar="TIME", help="Sessions that began then or later.")
@click.option("--created-to", metavar="TIME")
@click.option("--connected-from", metavar="TIME", help="Whose latest connection began then or later.")
@click.option("--connected-to", metavar="TIME")
@click.option("--contains", help="Client ids with this part.")
@click.option("--user-contains", "username_contains", help="Users with this part.")
@click.option(
    "--sort",
    type=click.Choice(
        [f"{way}{one}" for one in ("client_id", "created_at", "username", "address") for way in ("", "-")]
    ),
    help="With - falling; by username only sessions of a user.  [default: client_id; with filters created_at]",
)
@as_of_option
@limit
@remote
def session_list(api: Remote, limit: int, **filters: Any) -> None:
    """List sessions by client id, or with filters by age. Times are RFC 3339, in UTC."""
    rows = api.every(lambda at: api.client.list_sessions(cursor=at, **filters), limit)
    api.rows(rows, "client_id", "username", "connected", "node", "address", "protocol", "connected_at", "subscriptions")


@session.command("show")
@click.argument("client_id")
@as_of_option
@remote
def session_show(api: Remote, client_id: str, as_of: str | None) -> None:
    """Show a session, its measurements and subscriptions."""
    found = api.client.get_session(client_id, as_of=as_of)
    api.one(found.session)
    if found.counters is not None:
        api.one(found.counters)
    api.rows(found.subscriptions, "filter", "qos", "no_local", "retain_as_published", "retain_handling", "since")


@session.command("subscriptions")
@click.argument("client_id")
@as_of_option
@limit
@remote
def session_subscriptions(api: Remote, client_id: str, as_of: str | None, limit: int) -> None:
    """List the subscriptions of a session by filter."""
    rows = api.every(lambda at: api.client.list_session_subscriptions(client_id, cursor=at, as_of=as_of), limit)
    api.rows(rows, "filter", "qos", "no_local", "retain_as_published", "retain_handling", "subscription_id", "since")


@session.command("queue")
@click.argument("client_id")
@click.option("--messages", is_flag=True, help="Show the messages one by one.")
@limit
@remote
def session_queue(api: Remote, client_id: str, messages: bool, limit: int) -> None:
    """Show how many messages wait for a client, or which."""
    if not messages:
        api.one(api.client.get_queue(client_id))
        return
    rows = api.every(lambda at: api.client.list_queue(client_id, cursor=at), limit)
    api.rows(rows, "position", "state", "packet_id", "topic", "qos", "retain", "size", "client_id", "published_at")


@session.command("message")
@click.argument("client_id")
@click.argument("position")
@click.option("--raw", is_flag=True, help="Print the payload alone, byte for byte.")
@remote
def session_message(api: Remote, client_id: str, position: str, raw: bool) -> None:
    """Show a message that waits for a client."""
    found = api.client.get_queued(client_id, position)
    if raw:
        click.echo(base64.b64decode(found.base64), nl=False)
    else:
        api.one(found.message)


def _kick(api: Remote, client_id: str, reason: str | None, username: str | None) -> None:
    """End a session and the connection that it has."""
    api.outcome(
        api.client.kick_session(client_id, reason=reason, username=username), f"ended the session of {client_id}"
    )


session.command("kick")(click.argument("client_id")(reason_option(only_user_option(remote(_kick)))))
kick = click.command("kick")(click.argument("client_id")(reason_option(only_user_option(remote(_kick)))))


@session.command("disconnect")
@click.argument("client_id")
@reason_option
@only_user_option
@remote
def session_disconnect(api: Remote, client_id: str, reason: str | None, username: str | None) -> None:
    """Disconnect a client; its session stays."""
    from mqledger_client import models

    body = (
        models.Disconnecting(username=username)
        if reason is None
        else models.Disconnecting(reason=reason, username=username)
    )
    api.outcome(api.client.disconnect_session(client_id, body), f"disconnected {client_id}")


@session.command("subscribe")
@click.argument("client_id")
@click.argument("filters", nargs=-1, required=True)
@click.option("--qos", type=click.IntRange(0, 2), default=0, show_default=True)
@click.option("--no-local", is_flag=True, help="Nothing that the client itself publishes.")
@click.option("--retain-as-published", is_flag=True)
@click.option(
    "--retain-handling", type=click.IntRange(0, 2), default=0, help="Retained messages: 0 now, 1 if new, 2 no."
)
@click.option("--subscription-id", type=click.IntRange(1, 268_435_455))
@only_user_option
@remote
def session_subscribe(
    api: Remote, client_id: str, filters: tuple[str, ...], username: str | None, **options: Any
) -> None:
    """Subscribe a client, connected or away, to topic filters."""
    from mqledger_client import models

    wanted = [models.NewSubscription(filter=one, **options) for one in filters]
    told = api.client.subscribe(client_id, models.Subscribing(subscriptions=wanted, username=username))
    api.outcome(told, _codes(filters, told.codes))


@session.command("unsubscribe")
@click.argument("client_id")
@click.argument("filters", nargs=-1, required=True)
@only_user_option
@remote
def session_unsubscribe(api: Remote, client_id: str, filters: tuple[str, ...], username: str | None) -> None:
    """Unsubscribe a client, connected or away, from topic filters."""
    from mqledger_client import models

    told = api.client.unsubscribe(client_id, models.Unsubscribing(filters=list(filters), username=username))
    api.outcome(told, _codes(filters, told.codes))


@session.command("expire")
@click.option("--away", type=click.IntRange(min=0), required=True, help="Seconds; 0 ends every session, connected too.")
@remote
def session_expire(api: Remote, away: int) -> None:
    """End sessions that have been away for so long."""
    from mqledger_client import models

    told = api.client.expire_sessions(models.Expiring(away=away))
    api.outcome(told, f"ended {told.count} sessions")


def _codes(filters: tuple[str, ...], codes: list[Any]) -> str:
    return "\n".join(f"{one}: 0x{code:02x}" for one, code in zip(filters, codes, strict=False))
