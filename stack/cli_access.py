"""``mqledger user``, ``acl``, ``ban``: who may do what on the MQTT side."""

from __future__ import annotations

from typing import Any

import click

from stack.cli_remote import Remote, limit, remote, secret, stdin_option


@click.group()
def user() -> None:
    """Users of the MQTT side."""


@user.command("list")
@click.option("--prefix", help="Names that begin with this.")
@limit
@remote
def user_list(api: Remote, prefix: str | None, limit: int) -> None:
    """List users by name."""
    rows = api.every(lambda at: api.client.list_users(cursor=at, prefix=prefix), limit)
    api.rows(rows, "username", "superuser", "changed_at", "changed_by")


@user.command("show")
@click.argument("username")
@remote
def user_show(api: Remote, username: str) -> None:
    """Show a user."""
    api.one(api.client.get_user(username))


@user.command("add")
@click.argument("username")
@click.option("--superuser", is_flag=True, help="Access rules do not concern this user.")
@stdin_option
@remote
def user_add(api: Remote, username: str, superuser: bool, password_stdin: bool) -> None:
    """Add a user.

    Where clients say their tenant in their user name (mqtt.tenant_from), acme/ann is added by
    `mqledger user add ann --tenant acme`.
    """
    from mqledger_client import models

    password = secret(f"Password of {username}", password_stdin)
    told = api.client.add_user(models.NewUser(username=username, password=password, superuser=superuser))
    api.outcome(told, f"added {username}")


@user.command("passwd")
@click.argument("username")
@click.option("--superuser", is_flag=True, help="Access rules do not concern this user.")
@stdin_option
@remote
def user_passwd(api: Remote, username: str, superuser: bool, password_stdin: bool) -> None:
    """Give a user another password."""
    from mqledger_client import models

    password = secret(f"Password of {username}", password_stdin)
    told = api.client.put_user(username, models.UserGiven(password=password, superuser=superuser), if_match="*")
    api.outcome(told, f"changed {username}")


@user.command("rm")
@click.argument("username")
@remote
def user_rm(api: Remote, username: str) -> None:
    """Remove a user."""
    api.outcome(api.client.delete_user(username), f"removed {username}")


@click.group()
def acl() -> None:
    """Access rules of the MQTT side: the first that fits decides."""


@acl.command("list")
@limit
@remote
def acl_list(api: Remote, limit: int) -> None:
    """List rules in the order in which they are asked."""
    rows = api.every(lambda at: api.client.list_rules(cursor=at), limit)
    api.rows(rows, "id", "place", "allow", "action", "topic", "username", "client_id", "address")


@acl.command("show")
@click.argument("rule")
@remote
def acl_show(api: Remote, rule: str) -> None:
    """Show a rule."""
    api.one(api.client.get_rule(rule))


@acl.command("add")
@click.argument("verdict", type=click.Choice(["allow", "deny"]))
@click.argument("action", type=click.Choice(["publish", "subscribe", "all"]))
@click.argument("topic")
@click.option("--user", "username", help="Only this user.")
@click.option("--client-id", help="Only this client.")
@click.option("--address", help="Only from this address or network.")
@click.option("--place", type=int, default=100, show_default=True, help="Rules are asked by rising place, then by age.")
@remote
def acl_add(
    api: Remote,
    verdict: str,
    action: Any,
    topic: str,
    username: str | None,
    client_id: str | None,
    address: str | None,
    place: int,
) -> None:
    """Add a rule.

    In the topic filter %c is the client id and %u the user; `eq TOPIC` is meant literally.
    """
    from mqledger_client import models

    rule = models.NewRule(
        allow=verdict == "allow",
        action=action,
        topic=topic,
        username=username,
        client_id=client_id,
        address=address,
        place=place,
    )
    told = api.client.add_rule(rule)
    api.outcome(told, f"added rule {told.id}")


@acl.command("rm")
@click.argument("rule")
@remote
def acl_rm(api: Remote, rule: str) -> None:
    """Remove a rule."""
    api.outcome(api.client.delete_rule(rule), f"removed rule {rule}")


@acl.command("test")
@click.argument("action", type=click.Choice(["publish", "subscribe"]))
@click.argument("topic")
@click.option("--client-id", required=True)
@click.option("--user", "username")
@click.option("--address", default="127.0.0.1", show_default=True)
@remote
def acl_test(api: Remote, action: Any, topic: str, client_id: str, username: str | None, address: str) -> None:
    """Tell what would become of a client's wish."""
    api.one(api.client.try_rules(client_id=client_id, topic=topic, action=action, username=username, address=address))


@acl.command("clear-cache")
@click.argument("client_id", required=False)
@click.option("--topic", help="Of this client: only what is remembered of this topic.")
@remote
def acl_clear_cache(api: Remote, client_id: str | None, topic: str | None) -> None:
    """Forget remembered access checks, of a client or of all."""
    if client_id is not None:
        told = api.client.clear_acl_cache(client_id, topic=topic)
    elif topic is None:
        told = api.client.clear_acl_caches()
    else:
        raise click.UsageError("--topic goes with a client.")
    api.outcome(told, "cleared")


@click.group()
def ban() -> None:
    """Clients that are not let in."""


_kind = click.argument("kind", type=click.Choice(["clientid", "username", "peerhost"]))


@ban.command("list")
@limit
@remote
def ban_list(api: Remote, limit: int) -> None:
    """List bans."""
    api.rows(
        api.every(lambda at: api.client.list_bans(cursor=at), limit), "kind", "who", "by", "reason", "until", "active"
    )


@ban.command("show")
@_kind
@click.argument("who")
@remote
def ban_show(api: Remote, kind: str, who: str) -> None:
    """Show a ban."""
    api.one(api.client.get_ban(kind, who))


@ban.command("add")
@_kind
@click.argument("who")
@click.option("--reason", default="")
@click.option("--seconds", type=click.IntRange(min=1), help="How long; for ever without it.")
@remote
def ban_add(api: Remote, kind: str, who: str, reason: str, seconds: int | None) -> None:
    """Ban a client id, user or address."""
    from mqledger_client import models

    api.outcome(api.client.put_ban(kind, who, models.BanGiven(reason=reason, seconds=seconds)), f"banned {who}")


@ban.command("rm")
@_kind
@click.argument("who")
@remote
def ban_rm(api: Remote, kind: str, who: str) -> None:
    """Remove a ban."""
    api.outcome(api.client.delete_ban(kind, who), f"let {who} in again")
