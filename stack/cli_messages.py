"""``mqledger publish``, ``retained``, ``subscription``, ``route``: messages and who gets them."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any

import click

from stack.cli_remote import Remote, limit, remote

if TYPE_CHECKING:
    from mqledger_client import models


@click.command()
@click.argument("topic")
@click.argument("payload", default="")
@click.option("--stdin", is_flag=True, help="Take the payload from standard input.")
@click.option("--qos", type=click.IntRange(0, 2), default=0, show_default=True)
@click.option("--retain", is_flag=True, help="Keep it as the retained message of the topic.")
@click.option("--no-deliver", is_flag=True, help="With --retain: only keep it, tell nobody.")
@click.option("--client-id", default="mqledger", show_default=True, help="In whose name.")
@click.option("--expiry", type=click.IntRange(1, 4_294_967_295), metavar="SECONDS", help="When it is too late for it.")
@click.option("--text", is_flag=True, help="Say that the payload is text in UTF-8.")
@click.option("--content-type", help="What the payload is, such as application/json.")
@click.option("--response-topic", help="Where to answer.")
@click.option("--correlation", help="What the answer should repeat.")
@click.option("--property", "properties", multiple=True, metavar="NAME=VALUE", help="User property; repeatable.")
@remote
def publish(
    api: Remote,
    topic: str,
    payload: str,
    stdin: bool,
    qos: int,
    retain: bool,
    no_deliver: bool,
    client_id: str,
    **properties: Any,
) -> None:
    """Publish a message, and tell how many sessions it matched."""
    from mqledger_client import models

    if no_deliver and not retain:
        raise click.UsageError("--no-deliver without --retain would do nothing.")
    body = models.NewMessage(
        topic=topic,
        base64=_base64(sys.stdin.buffer.read() if stdin else _bytes(payload)),
        qos=qos,
        retain=retain,
        deliver=not no_deliver,
        client_id=client_id,
        report=True,
        properties=_properties(**properties),
    )
    told = api.client.publish(body)
    api.outcome(told, "kept, and told to nobody" if no_deliver else f"published to {told.count} sessions")


def _properties(
    expiry: int | None,
    text: bool,
    content_type: str | None,
    response_topic: str | None,
    correlation: str | None,
    properties: tuple[str, ...],
) -> models.Properties | None:
    """What is said of the message; None for nothing. Raises UsageError."""
    from mqledger_client import models

    pairs = [one.partition("=") for one in properties]
    if not all(sign for _, sign, _ in pairs):
        raise click.UsageError("A property is NAME=VALUE.")
    given: dict[str, Any] = {
        "payload_is_text": text or None,
        "message_expiry": expiry,
        "content_type": content_type,
        "response_topic": response_topic,
        "correlation_data": None if correlation is None else _base64(_bytes(correlation)),
        "user_properties": [models.UserProperty(name=name, value=value) for name, _, value in pairs] or None,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return models.Properties(**said) if said else None


def _bytes(text: str) -> bytes:
    """As they were given to the process, whatever they are."""
    return text.encode("utf-8", "surrogateescape")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


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
@click.option("--filter", "filter_", help="Exactly this one.")
@click.option("--prefix", help="Filters that begin with this.")
@click.option("--match", metavar="FILTER", help="Filters that this one matches as if they were topics.")
@click.option("--group", help="Those that this group shares.")
@click.option("--client-id", help="Those of this client.")
@click.option("--state", type=click.Choice(["all", "connected", "disconnected"]), help="Of sessions in this state.")
@click.option("--node", help="Of sessions that are, or were last, connected there.")
@click.option("--qos", type=click.IntRange(0, 2))
@limit
@remote
def subscription_list(api: Remote, limit: int, **filters: Any) -> None:
    """List subscriptions by filter and client id."""
    rows = api.every(lambda at: api.client.list_subscriptions(cursor=at, **filters), limit)
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
