"""What the commands over the API share: where it is and as whom, tables and JSON, outcomes as sentences."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stack.app import App
from stack.errors import StackError

if TYPE_CHECKING:
    from mqledger_client import Client, models
    from mqledger_client.http import Page

F = TypeVar("F", bound=Callable[..., Any])
PAGE = 500


class Remote:
    """An API and how its answers are shown. Handed to every command that is decorated with :func:`remote`."""

    def __init__(self, app: App, client: Client, as_json: bool, login: tuple[str, str]) -> None:
        self.client = client
        self.login = login
        """Name and secret of who asks; empty for nobody."""
        self._app = app
        self._as_json = as_json

    def every(self, page: Callable[[str], Page[Any]], most: int) -> list[Any]:
        """Items of as many pages as it takes, at most so many."""
        from mqledger_client import every

        found: list[Any] = []
        for item in every(page):
            if len(found) == most:
                click.echo(f"only the first {most}; --limit gives more", err=True)
                break
            found.append(item)
        return found

    def rows(self, items: Sequence[Any], *columns: str) -> None:
        """Print items: a table of these columns, or JSON of everything."""
        if self._as_json:
            self._json(items)
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for item in items:
            table.add_row(*(_cell(getattr(item, column)) for column in columns))
        self._app.out.print(table)

    def one(self, item: Any) -> None:
        """Print one thing, field by field."""
        if self._as_json:
            self._json(item)
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        for name in item.__struct_fields__:
            table.add_row(f"[dim]{name.replace('_', ' ')}[/]", _cell(getattr(item, name)))
        self._app.out.print(table)

    def outcome(self, outcome: models.Outcome, done: str) -> None:
        """Say that something was done; the exit code is 1 when that is not known yet."""
        if self._as_json:
            self._json(outcome)
        elif outcome.state == "done":
            click.echo(printable(done))
        if outcome.state != "done":
            click.echo(f"not known yet; ask with: mqledger command show {outcome.id}", err=True)
            sys.exit(1)

    def _json(self, item: Any) -> None:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(item), indent=2))


def remote(command: F) -> F:
    """A command over the API: gets a Remote first; adds the options for where, as whom, for which tenant, and JSON."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.option("--url", help="Address of the API.  [default: remote.url, else api.host and api.port]")
    @click.option("--as", "user", metavar="NAME", help="Account or API key.  [default: remote.user]")
    @click.option("--tenant", help="Tenant to look at or act on.  [default: remote.tenant, else the account's]")
    @click.pass_obj
    def run(app: App, /, as_json: bool, url: str | None, user: str | None, tenant: str | None, **given: Any) -> None:
        with _connected(app, url, user, tenant) as (client, login):
            command(Remote(app, client, as_json, login), **given)

    return functools.update_wrapper(run, command)  # type: ignore[return-value]


def limit(command: F) -> F:
    """The option of lists."""
    return click.option(
        "--limit", type=click.IntRange(min=1), default=PAGE, show_default=True, help="At most so many."
    )(command)


stdin_option = click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")


def secret(prompt: str, from_stdin: bool) -> str:
    """A secret from standard input, or asked for twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))


def printable(text: str) -> str:
    """The text with control characters escaped, so that no client can write to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@contextmanager
def _connected(
    app: App, url: str | None, user: str | None, tenant: str | None
) -> Iterator[tuple[Client, tuple[str, str]]]:
    from mqledger_client import ApiError, UnreachableError, connect
    from stack.services import endpoint

    settings = app.config.stack.remote
    name = user or settings.user
    password = settings.secret.reveal() if name == settings.user else ""
    if name and not password:
        password = str(click.prompt(f"Secret of {name}", hide_input=True, err=True))
    where = url or settings.url or endpoint("api", app.config).url
    try:
        with connect(where, user=name, secret=password, tenant=tenant or settings.tenant) as client:
            yield client, (name, password)
    except ApiError as error:
        raise StackError(_sentence(error.status, str(error), name)) from error
    except UnreachableError as error:
        raise StackError(f"{error}; is the API running? See `mqledger status`.") from error


def _sentence(status: int, text: str, name: str) -> str:
    if status in (401, 403) and not name:
        return (
            f"The API refused ({text}); set MQLEDGER_REMOTE__USER and MQLEDGER_REMOTE__SECRET, or give --as NAME. "
            "The first administrator is told once, at the first start."
        )
    return text if text.endswith(".") else f"{text}."


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "-"
    return escape(printable(str(value)))
