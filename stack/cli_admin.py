"""``mqledger admin``: accounts for who has Kafka and Postgres themselves, and so needs none to ask for them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stack.app import App
from stack.errors import StackError

if TYPE_CHECKING:
    from query_api.service import Service
    from query_api.settings import ApiSettings
    from stack.imports import Login


UNKNOWN = "in the log, and no projector has folded it yet"


@click.group()
def admin() -> None:
    """Accounts without an account: for who has the log itself."""


@admin.command()
@click.argument("name", default="admin")
@click.pass_obj
def recover(app: App, name: str) -> None:
    """Make NAME an administrator, and print a new password, once."""
    password = secrets.token_urlsafe(18)
    ((_, outcome),) = asyncio.run(_set(app.config.api, [_administrator(name, password)], "set"))
    if outcome not in ("done", UNKNOWN):
        raise StackError(f"{name} could not be set: {outcome}.")
    click.echo(f"{name} is an administrator of all tenants; the password is shown this once:", err=True)
    click.echo(password)
    if outcome == UNKNOWN:
        click.echo(f"It is {UNKNOWN}: it counts from then on.", err=True)


@admin.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "connection_manager", "administrator"]),
    default="operator",
    show_default=True,
    help="Of API keys, which have none in the files of EMQX.",
)
@click.pass_obj
def import_(app: App, file: Path, role: str) -> None:
    """Add the accounts and API keys in FILE.

    FILE is an export of EMQX 4, or CSV with name,password,role,tenant. Those that exist stay as they
    are. Documented default passwords are left out. What else FILE holds is not taken, and said not to be.
    """
    from query_api.access.principal import Role
    from stack.cli_remote import printable
    from stack.imports import read

    found = read(file.read_bytes(), Role(role))
    outcomes = asyncio.run(_set(app.config.api, found.logins, "add")) if found.logins else []
    for login, outcome in outcomes:
        click.echo(f"{printable(login.name)}: {'added' if outcome == 'done' else outcome}")
    for name in found.left_out:
        click.echo(f"{printable(name)}: left out, everybody knows its password", err=True)
    for what in found.not_taken:
        click.echo(f"left out: {printable(what)}", err=True)


def _administrator(name: str, password: str) -> Login:
    from query_api.access.principal import Role
    from stack.imports import Login

    return Login(name=name, password=password, role=Role.ADMINISTRATOR)


async def _set(settings: ApiSettings, logins: Sequence[Login], mode: str) -> list[tuple[Login, str]]:
    """Set each of them; what came of it. Raises StackError when it can't be known."""
    from query_api.commands.outcome import Asker
    from query_api.errors import RefusalError

    asker = Asker("command line", "", secrets.token_hex(8))
    told: list[tuple[Login, str]] = []
    async with _service(settings) as service:
        for login in logins:
            make = _event(login, await service.access.hashed(login.password), mode)
            try:
                outcome = await service.commands.admin(asker, make, in_force=False)
            except RefusalError as error:
                raise StackError(f"{login.name} could not be set: {error}.") from error
            told.append((login, outcome.outcome if outcome.known else UNKNOWN))
    return told


def _event(login: Login, hashed: str, mode: str) -> Any:
    from schemas.admin import AccountSet, ApiKeySet

    if login.is_key:
        return lambda order: ApiKeySet(
            order, mode, login.name, hashed, login.label, login.role, login.tenant, login.enabled, login.expires
        )
    return lambda order: AccountSet(order, mode, login.name, hashed, login.role, login.tenant)


@asynccontextmanager
async def _service(settings: ApiSettings) -> AsyncIterator[Service]:
    from query_api.service import Service

    service = Service(settings)
    await service.start(first=False)
    try:
        yield service
    finally:
        await service.stop()
