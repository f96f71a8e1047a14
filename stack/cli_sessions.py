"""``mqledger session``, ``kick``, ``publish``, ``retained``, ``subscription``, ``route``: clients and messages."""

from __future__ import annotations

import base64
import sys
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
@click.option("--contains", help="Client ids with this part.")
@as_of_option
@limit
@remote
def session_list(
    api: Remote,
    state: Any,
    prefix: str | None,
    username: str | None,
    address: str | None,
    node: str | None,
    contains: str | None,
    as_of: str | None,
    limit: int,
) -> None:
    """List sessions by client id, or with filters by age."""
    rows = api.every(
        lambda at: api.client.list_sessions(
            cursor=at,
            state=state,
            prefix=prefix,
            username=username,
            address=address,
            node=node,
            contains=contains,
            as_of=as_of,
        ),
        limit,
    )
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
@remote
def session_subscribe(api: Remote, client_id: str, filters: tuple[str, ...], qos: int) -> None:
    """Subscribe a client, connected or away, to topic filters."""
    from mqledger_client import models

    wanted = [models.NewSubscription(filter=one, qos=qos) for one in filters]
    told = api.client.subscribe(client_id, models.Subscribing(subscriptions=wanted))
    api.outcome(told, _codes(filters, told.codes))


@session.command("unsubscribe")
@click.argument("client_id")
@click.argument("filters", nargs=-1, required=True)
@remote
def session_unsubscribe(api: Remote, client_id: str, filters: tuple[str, ...]) -> None:
    """Unsubscribe a client, connected or away, from topic filters."""
    from mqledger_client import models

    told = api.client.unsubscribe(client_id, models.Unsubscribing(filters=list(filters)))
    api.outcome(told, _codes(filters, told.codes))


@session.command("expire")
@click.option("--away", type=click.IntRange(min=0), required=True, help="Seconds; 0 ends every session, connected too.")
@remote
def session_expire(api: Remote, away: int) -> None:
    """End sessions that have been away for so long."""
    from mqledger_client import models

    told = api.client.expire_sessions(models.Expiring(away=away))
    api.outcome(told, f"ended {told.count} sessions")


@click.command()
@click.argument("topic")
@click.argument("payload", default="")
@click.option("--stdin", is_flag=True, help="Take the payload from standard input.")
@click.option("--qos", type=click.IntRange(0, 2), default=0, show_default=True)
@click.option("--retain", is_flag=True, help="Keep it as the retained message of the topic.")
@click.option("--client-id", default="mqledger", show_default=True, help="In whose name.")
@remote
def publish(api: Remote, topic: str, payload: str, stdin: bool, qos: int, retain: bool, client_id: str) -> None:
    """Publish a message, and tell how many sessions it matched."""
    from mqledger_client import models

    raw = sys.stdin.buffer.read() if stdin else payload.encode("utf-8", "surrogateescape")
    body = models.NewMessage(
        topic=topic,
        base64=base64.b64encode(raw).decode(),
        qos=qos,
        retain=retain,
        client_id=client_id,
        report=True,
    )
    told = api.client.publish(body)
    api.outcome(told, f"published to {told.count} sessions")


@click.group()
def retained() -> None:
    """Retained messages."""


@retained.command("list")
@click.option("--prefix", help="Topics that begin with this.")
@limit
@remote
def retained_list(api: Remote, prefix: str | None, limit: int) -> None:
    """List retained messages by topic."""
    rows = api.every(lambda at: api.client.list_retained(cursor=at, prefix=prefix), limit)
    api.rows(rows, "topic", "size", "qos", "client_id", "published_at", "expires_at")


@retained.command("show")
@click.argument("topic")
@click.option("--raw", is_flag=True, help="Print the payload alone, byte for byte.")
@remote
def retained_show(api: Remote, topic: str, raw: bool) -> None:
    """Show the retained message of a topic."""
    found = api.client.get_retained(topic)
    if raw:
        click.echo(base64.b64decode(found.base64 or ""), nl=False)
    else:
        api.one(found.message)


@retained.command("clear")
@click.argument("topic")
@remote
def retained_clear(api: Remote, topic: str) -> None:
    """Forget the retained message of a topic."""
    api.outcome(api.client.clear_retained(topic), f"cleared {topic}")


@click.group()
def subscription() -> None:
    """Who holds which topic filters."""


@subscription.command("list")
@click.option("--filter", "topic_filter", help="Exactly this one.")
@click.option("--prefix", help="Filters that begin with this.")
@limit
@remote
def subscription_list(api: Remote, topic_filter: str | None, prefix: str | None, limit: int) -> None:
    """List subscriptions by filter and client id."""
    rows = api.every(lambda at: api.client.list_subscriptions(cursor=at, filter_=topic_filter, prefix=prefix), limit)
    api.rows(rows, "filter", "client_id", "qos", "since")


@click.group()
def route() -> None:
    """Which nodes have subscribers."""


@route.command("list")
@click.option("--filter", "topic_filter", help="Exactly this one.")
@click.option("--prefix", help="Filters that begin with this.")
@limit
@remote
def route_list(api: Remote, topic_filter: str | None, prefix: str | None, limit: int) -> None:
    """List routes by filter and node."""
    rows = api.every(lambda at: api.client.list_routes(cursor=at, filter_=topic_filter, prefix=prefix), limit)
    api.rows(rows, "filter", "node", "sessions")


def _codes(filters: tuple[str, ...], codes: list[Any]) -> str:
    return "\n".join(f"{one}: 0x{code:02x}" for one, code in zip(filters, codes, strict=False))
