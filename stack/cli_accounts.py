"""``mqledger account``, ``key``, ``whoami``, ``passwd``, ``token``: who may use the API."""

from __future__ import annotations

from typing import Any

import click

from stack.cli_remote import Remote, limit, remote, secret, stdin_option

ROLES = click.Choice(["viewer", "operator", "connection_manager", "administrator"])
role_option = click.option("--role", type=ROLES, required=True)
scope_option = click.option("--scope", default="*", show_default=True, help="The only tenant it sees; * for all.")


@click.command()
@remote
def whoami(api: Remote) -> None:
    """Tell as whom the API knows me, and what I may do."""
    api.one(api.client.get_me())


@click.command()
@stdin_option
@remote
def passwd(api: Remote, password_stdin: bool) -> None:
    """Change the password of the account that asks."""
    from mqledger_client import models

    name, old = api.login
    new = secret(f"New password of {name}", password_stdin)
    api.outcome(api.client.change_password(models.NewPassword(old=old, new=new)), f"changed {name}")


@click.command()
@remote
def token(api: Remote) -> None:
    """Log in, and print a token for requests.

    They show it as `Authorization: Bearer`, until its time is up or the account changes.
    """
    from mqledger_client import models

    name, password = api.login
    api.one(api.client.login(models.Login(name=name, password=password)))


@click.group()
def account() -> None:
    """Accounts of the admin side."""


@account.command("list")
@limit
@remote
def account_list(api: Remote, limit: int) -> None:
    """List accounts by name."""
    rows = api.every(lambda at: api.client.list_accounts(cursor=at), limit)
    api.rows(rows, "name", "role", "tenant", "tags", "changed_at", "changed_by")


@account.command("show")
@click.argument("name")
@remote
def account_show(api: Remote, name: str) -> None:
    """Show an account."""
    api.one(api.client.get_account(name))


@account.command("add")
@click.argument("name")
@role_option
@scope_option
@click.option("--tags", default="")
@stdin_option
@remote
def account_add(api: Remote, name: str, role: Any, scope: str, tags: str, password_stdin: bool) -> None:
    """Add an account."""
    from mqledger_client import models

    password = secret(f"Password of {name}", password_stdin)
    body = models.NewAccount(name=name, password=password, role=role, tenant=scope, tags=tags)
    api.outcome(api.client.add_account(body), f"added {name}")


@account.command("passwd")
@click.argument("name")
@stdin_option
@remote
def account_passwd(api: Remote, name: str, password_stdin: bool) -> None:
    """Give an account another password."""
    from mqledger_client import models

    password = secret(f"Password of {name}", password_stdin)
    api.outcome(api.client.change_account(name, models.AccountChange(password=password)), f"changed {name}")


@account.command("change")
@click.argument("name")
@click.option("--role", type=ROLES)
@click.option("--scope", help="The only tenant it sees; * for all.")
@click.option("--tags")
@remote
def account_change(api: Remote, name: str, role: Any, scope: str | None, tags: str | None) -> None:
    """Change what an account may do."""
    from mqledger_client import models

    body = models.AccountChange(role=role, tenant=scope, tags=tags)
    api.outcome(api.client.change_account(name, body), f"changed {name}")


@account.command("rm")
@click.argument("name")
@remote
def account_rm(api: Remote, name: str) -> None:
    """Remove an account."""
    api.outcome(api.client.delete_account(name), f"removed {name}")


@click.group()
def key() -> None:
    """API keys: an app id with a secret."""


@key.command("list")
@limit
@remote
def key_list(api: Remote, limit: int) -> None:
    """List API keys."""
    rows = api.every(lambda at: api.client.list_api_keys(cursor=at), limit)
    api.rows(rows, "app_id", "name", "role", "tenant", "enabled", "expires")


@key.command("show")
@click.argument("app_id")
@remote
def key_show(api: Remote, app_id: str) -> None:
    """Show an API key."""
    api.one(api.client.get_api_key(app_id))


@key.command("add")
@click.argument("name")
@role_option
@scope_option
@click.option("--expires", metavar="TIME", help="RFC 3339 in UTC; never without it.")
@click.option("--app-id", help="A random one without it.")
@remote
def key_add(api: Remote, name: str, role: Any, scope: str, expires: str | None, app_id: str | None) -> None:
    """Add an API key, and print its secret, once."""
    from mqledger_client import models

    body = models.NewApiKey(name=name, role=role, tenant=scope, expires=expires, app_id=app_id)
    api.one(api.client.add_api_key(body))


@key.command("change")
@click.argument("app_id")
@click.option("--name", help="What it is for.")
@click.option("--role", type=ROLES)
@click.option("--scope", help="The only tenant it sees; * for all.")
@click.option("--expires", metavar="TIME", help="RFC 3339 in UTC.")
@remote
def key_change(api: Remote, app_id: str, name: str | None, role: Any, scope: str | None, expires: str | None) -> None:
    """Change what a key may do, and how long."""
    from mqledger_client import models

    body = models.ApiKeyChange(name=name, role=role, tenant=scope, expires=expires)
    api.outcome(api.client.change_api_key(app_id, body), f"changed {app_id}")


@key.command("enable")
@click.argument("app_id")
@remote
def key_enable(api: Remote, app_id: str) -> None:
    """Let a key in again."""
    from mqledger_client import models

    api.outcome(api.client.change_api_key(app_id, models.ApiKeyChange(enabled=True)), f"enabled {app_id}")


@key.command("disable")
@click.argument("app_id")
@remote
def key_disable(api: Remote, app_id: str) -> None:
    """Keep a key, and let nobody in with it."""
    from mqledger_client import models

    api.outcome(api.client.change_api_key(app_id, models.ApiKeyChange(enabled=False)), f"disabled {app_id}")


@key.command("rm")
@click.argument("app_id")
@remote
def key_rm(api: Remote, app_id: str) -> None:
    """Remove a key."""
    api.outcome(api.client.delete_api_key(app_id), f"removed {app_id}")
