"""`mqledger` over the native API: every command once, on a live stack; who asks, JSON, sentences.

Whatever the API can do, a command can: every operation, parameter and member of a body.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from mqledger_client.http import Transport
from query_api.native.openapi import document
from query_api.native.operations import OPERATIONS
from query_api.native.routes import Routes
from stack.cli import LAZY, cli
from tests.integration.dialects.live import Live
from tests.stackkit.eventually import eventually_sync

OVER_THE_API = tuple(f"stack.cli_{one}" for one in ("sessions", "messages", "access", "accounts", "nodes"))
RUN: set[str] = set()
"""Commands that some test has run."""
ASKED: dict[str, set[str]] = {}
"""What these asked of which operation: parameters, and members of bodies."""


class Shell:
    """The command line, as somebody."""

    def __init__(self, live: Live, user: str = "admin", secret: str = "") -> None:
        self._environment = {
            "MQLEDGER_REMOTE__URL": f"http://127.0.0.1:{live.port('fluxmq')}",
            "MQLEDGER_REMOTE__USER": user,
            "MQLEDGER_REMOTE__SECRET": secret or live.password,
        }

    def run(self, *words: str, code: int = 0, given: str | None = None) -> str:
        """What a command prints; it must end with this code."""
        result = CliRunner().invoke(cli, words, env=self._environment, input=given)
        assert result.exit_code == code, (words, result.output, result.exception)
        RUN.add(" ".join(words[: 2 if isinstance(cli.get_command(click.Context(cli), words[0]), click.Group) else 1]))
        return result.output

    def json(self, *words: str) -> Any:
        """The same as data."""
        return json.loads(self.run(*words, "--json"))


@pytest.fixture(scope="module", autouse=True)
def _asked() -> Iterator[None]:
    """Notes what the client of the API sends."""
    routes, request = Routes(OPERATIONS), Transport.request

    def noting(self: Transport, method: str, path: str, *given: Any, **more: Any) -> Any:
        methods, _ = routes.find(path.encode())
        query = {name for name, value in (more.get("query") or {}).items() if value is not None}
        body = json.loads(msgspec.json.encode(more.get("body")))
        ASKED.setdefault(methods[method].name, set()).update(query, members(body))
        return request(self, method, path, *given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "request", noting)
        yield


def members(body: Any) -> set[str]:
    """The names in a body, of whatever depth."""
    if isinstance(body, list):
        return set().union(*map(members, body))
    return set(body).union(*map(members, body.values())) if isinstance(body, dict) else set()


@pytest.fixture
def shell(live: Live) -> Shell:
    """As the administrator."""
    return Shell(live)


NOW = "2099-01-01T00:00:00Z"
EVERY_FILTER = (
    *("--state", "connected", "--node", "emq@127.0.0.1", "--no-clean-start", "--version", "5"),
    *("--created-from", "2026-01-01T00:00:00Z", "--created-to", "2099-01-01T00:00:00Z"),
    *("--connected-from", "2026-01-01T00:00:00Z", "--connected-to", "2099-01-01T00:00:00Z"),
)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"c-{uuid.uuid4().hex[:8]}"


def test_clients(live: Live, shell: Shell, name: str) -> None:
    with live.client(name, clean=False, session_expiry_interval=600) as client:
        assert "0x01" in shell.run("session", "subscribe", name, f"{name}/+", "--qos", "1")
        assert "published to 1 sessions" in shell.run("publish", f"{name}/x", "hello", "--qos", "1")
        client.expect_message(topic=f"{name}/x", payload=b"hello")
        shell.run("publish", f"{name}/y", "--stdin", given="from a pipe")
        client.expect_message(topic=f"{name}/y", payload=b"from a pipe")
        eventually_sync(lambda: shell.json("subscription", "list", "--prefix", name))
        of_all = ("--match", f"{name}/#", "--state", "connected", "--node", "emq@127.0.0.1", "--qos", "1")
        (held,) = shell.json("subscription", "list", "--client-id", name, "--filter", f"{name}/+", *of_all)
        assert (held["client_id"], held["filter"]) == (name, f"{name}/+")
        assert shell.json("subscription", "list", "--group", name) == []
        (held,) = shell.json("session", "subscriptions", name)
        assert shell.json("session", "subscriptions", name, "--as-of", held["since"]) == [held]
        assert f"{name}/+" in shell.run("session", "show", name, "--as-of", held["since"])
        assert [one["node"] for one in shell.json("route", "list", "--filter", f"{name}/+")]
        (row,) = shell.json("session", "list", "--prefix", name)
        assert row["connected"] is True
        assert name in shell.run("session", "list", "--contains", name, "--address", "127.0.0.1")
        whole = shell.json("session", "list", "--contains", name, *EVERY_FILTER, "--sort", "-created_at")
        assert [one["client_id"] for one in whole] == [name]
        assert shell.json("session", "list", "--user", "ann", "--user-contains", "a", "--zone", "z") == []
        assert [one["client_id"] for one in shell.json("session", "list", "--prefix", name, "--as-of", NOW)] == [name]
        assert shell.json("route", "list", "--prefix", name) == shell.json("route", "list", "--filter", f"{name}/+")
        assert f"{name}/+" in shell.run("session", "show", name)
        assert shell.json("session", "queue", name)["client_id"] == name
        assert "0x00" in shell.run("session", "unsubscribe", name, f"{name}/+")
        how = ("--no-local", "--retain-as-published", "--retain-handling", "2", "--subscription-id", "7")
        wrong = ("--user", "nobody")
        assert "another user" in shell.run("session", "subscribe", name, f"{name}/+", *how, *wrong, code=1)
        assert "another user" in shell.run("session", "unsubscribe", name, f"{name}/+", *wrong, code=1)
        assert "another user" in shell.run("session", "disconnect", name, *wrong, code=1)
        assert "another user" in shell.run("session", "kick", name, "--reason", "enough", *wrong, code=1)
        shell.run("session", "subscribe", name, f"{name}/+", *how)
        assert shell.json("session", "subscriptions", name)[0]["subscription_id"] == 7
        shell.run("acl", "clear-cache", name)
        shell.run("acl", "clear-cache", name, "--topic", f"{name}/x")
        shell.run("acl", "clear-cache", "--topic", name, code=2)
        shell.run("session", "disconnect", name, "--reason", "enough")
    shell.run("session", "subscribe", name, f"{name}/+", "--qos", "1")
    shell.run("publish", f"{name}/z", "waits", "--qos", "1")
    (held,) = shell.json("session", "queue", name, "--messages")
    assert f"{name}/z" in shell.run("session", "message", name, held["position"])
    assert shell.run("session", "message", name, held["position"], "--raw") == "waits"
    assert "ended the session" in shell.run("session", "kick", name)
    assert "no such thing" in shell.run("kick", name, code=1)
    assert "ended 0 sessions" in shell.run("session", "expire", "--away", "4294967295")
    says = ("--expiry", "600", "--text", "--content-type", "text/plain", "--response-topic", "a", "--correlation", "c")
    told = shell.run(
        "publish", name, "kept", "--retain", "--no-deliver", *says, "--property", "a=b=c", "--client-id", name
    )
    assert told == "kept, and told to nobody\n"
    assert shell.json("retained", "show", name)["properties"] == {
        "payload_is_text": True,
        "message_expiry": 600,
        "content_type": "text/plain",
        "response_topic": "a",
        "correlation_data": "Yw==",
        "user_properties": [{"name": "a", "value": "b=c"}],
    }
    shell.run("publish", name, "x", "--no-deliver", code=2)
    shell.run("publish", name, "x", "--property", "a", code=2)
    assert [one["size"] for one in shell.json("retained", "list", "--prefix", name)] == [4]
    assert name in shell.run("retained", "show", name)
    assert shell.run("retained", "show", name, "--raw") == "kept"
    shell.run("retained", "clear", name)
    assert {"kick", "publish"} & {
        one["verb"] for one in shell.json("command", "list", "--client-id", name, "--actor", "admin")
    }


def test_users_rules_and_bans(shell: Shell, name: str) -> None:
    shell.run("user", "add", name, "--password-stdin", given="correct horse\n")
    shell.run("user", "passwd", name, "--superuser", "--password-stdin", given="battery staple\n")
    assert [one["superuser"] for one in shell.json("user", "list", "--prefix", name)] == [True]
    assert shell.json("user", "show", name)["superuser"] is True
    shell.run("user", "add", f"{name}-2", "--superuser", "--password-stdin", given="correct horse\n")
    shell.run("user", "rm", f"{name}-2")
    added = shell.json("acl", "add", "deny", "publish", f"{name}/%c/#", "--place", "-5")
    verdict = shell.json("acl", "test", "publish", f"{name}/x/y", "--client-id", "x")
    assert (verdict["allowed"], verdict["rule"]) == (False, added["id"])
    assert shell.json("acl", "test", "publish", f"{name}/x/y", "--client-id", "x", "--user", name)["by"] == "superuser"
    assert added["id"] in shell.run("acl", "list")
    assert shell.json("acl", "show", added["id"])["place"] == -5
    shell.run("acl", "rm", added["id"])
    who = ("--client-id", name, "--user", name, "--address", "10.0.0.0/8")
    added = shell.json("acl", "add", "allow", "subscribe", f"{name}/#", *who)
    assert "10.0.0.0/8" in shell.run("acl", "show", added["id"])
    tried = shell.json(
        "acl", "test", "subscribe", f"{name}/#", "--client-id", name, "--user", "x", "--address", "10.1.1.1"
    )
    assert tried["rule"] is None, "another user"
    shell.run("acl", "rm", added["id"])
    shell.run("acl", "clear-cache")
    shell.run("ban", "add", "clientid", name, "--reason", "noisy", "--seconds", "60")
    assert name in shell.run("ban", "list")
    assert shell.json("ban", "show", "clientid", name)["reason"] == "noisy"
    shell.run("ban", "rm", "clientid", name)
    shell.run("user", "rm", name)
    assert shell.run("command", "show", added["id"])


def test_accounts_and_keys(live: Live, shell: Shell, name: str) -> None:
    shell.run("account", "add", name, "--role", "viewer", "--password-stdin", given="correct horse\n")
    shell.run("account", "change", name, "--role", "operator", "--scope", "default", "--tags", "night")
    assert shell.json("account", "show", name)["tags"] == "night"
    shell.run("account", "passwd", name, "--password-stdin", given="horse battery\n")
    itself = Shell(live, name, "horse battery")
    assert itself.json("token")["role"] == "operator"
    itself.run("passwd", "--password-stdin", given="battery staple\n")
    assert "operator" in Shell(live, name, "battery staple").run("whoami")
    assert "may not" in Shell(live, name, "battery staple").run("account", "list", code=1)
    made = shell.json("key", "add", name, "--role", "viewer")
    assert Shell(live, made["app_id"], made["secret"]).json("whoami")["name"] == made["app_id"]
    until = "2099-01-01T00:00:00Z"
    shell.run("key", "change", made["app_id"], "--name", "n", "--role", "operator", "--scope", "t", "--expires", until)
    assert {"n", "operator", "t"} < set(shell.json("key", "show", made["app_id"]).values())
    shell.run("key", "disable", made["app_id"])
    Shell(live, made["app_id"], made["secret"]).run("whoami", code=1)
    shell.run("key", "enable", made["app_id"])
    assert made["app_id"] in shell.run("key", "list")
    shell.run("key", "rm", made["app_id"])
    assert name in shell.run("account", "list")
    shell.run("account", "rm", name)
    role = ("--role", "viewer", "--scope", "t")
    shell.run("account", "add", name, *role, "--tags", "a", "--password-stdin", given="correct horse\n")
    shell.run("account", "rm", name)
    shell.run("key", "add", name, *role, "--expires", until, "--app-id", name)
    shell.run("key", "rm", name)


def test_the_cluster(shell: Shell, name: str) -> None:
    (node,) = shell.json("node", "list")
    assert shell.json("node", "show", node["node"])["state"] == "running"
    (listener,) = shell.json("listener", "list")
    shell.run("listener", "stop", listener["name"])
    shell.run("listener", "start", listener["name"], "--node", node["node"])
    shell.run("listener", "start", listener["name"])
    assert "retainer" in shell.run("plugin", "list")
    shell.run("plugin", "stop", "retainer")
    shell.run("plugin", "start", "retainer")
    shell.run("connection", "add", name, "mqtt://127.0.0.1:1")
    assert name in shell.run("connection", "list")
    assert shell.json("connection", "show", name)["verify"] is True
    shell.run("connection", "set", name, "ws://127.0.0.1:1", "--name", f"{name}-2", "--no-verify", "--client-id", "c")
    assert shell.json("connection", "show", name)["url"] == "ws://127.0.0.1:1"
    shell.run("connection", "rm", name)
    assert "subscriptions" in shell.run("stats")
    assert {"node", "name", "value"} == set(shell.json("metrics")[0])
    assert shell.json("reload")["applied"] == []


def test_without_an_account_it_says_what_to_do(live: Live) -> None:
    nobody = Shell(live, "", "-")
    assert "loopback" in nobody.run("whoami")
    assert "MQLEDGER_REMOTE__USER" in nobody.run("user", "list", code=1)
    assert "gave no answer" in nobody.run("stats", "--url", "http://127.0.0.1:1", code=1)


def test_secrets_of_connections_come_from_files(shell: Shell, name: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    shell.run("connection", "add", name, "mqtts://127.0.0.1:1", "--ca", str(ca))
    listed = shell.run("connection", "list", "--json")
    assert next(one["sealed"] for one in json.loads(listed) if one["id"] == name) == ["ca"]
    assert "no certificate" not in listed
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    for file in (cert, key):
        file.write_text("neither")
    sealed = ("--ca", str(ca), "--cert", str(cert), "--key", str(key), "--user", "ann", "--password-stdin")
    how = ("--no-verify", "--client-id", "c")
    shell.run("connection", "set", name, "mqtts://127.0.0.1:1", *sealed, given="correct horse\n")
    assert shell.json("connection", "show", name)["sealed"] == ["ca", "cert", "key", "password"]
    shell.run("connection", "rm", name)
    shell.run("connection", "add", name, "mqtts://127.0.0.1:1", *sealed, *how, given="correct horse\n")
    shell.run("connection", "rm", name)


def test_every_command_was_run() -> None:
    """Last: a command that no test above runs is missing here."""
    known = set()
    for word in [word for word, module in LAZY.items() if module in OVER_THE_API]:
        command = cli.get_command(click.Context(cli), word)
        known |= {f"{word} {sub}" for sub in command.commands} if isinstance(command, click.Group) else {word}
    assert known <= RUN


BY_LOG = {"list_events": "events", "stream_events": "events"}
"""Operations whose answers commands read from the log itself."""
ELSEWHERE = {"at_least", "cursor", "fields", "limit", "payload", "tenant"}
"""Waiting, pages, parts and tenants are the client's; `payload` goes as `base64`."""


def test_whatever_the_api_can_do_a_command_can() -> None:
    """Last, too: operations, parameters and members of bodies that no command above has used are missing there."""
    described = document(OPERATIONS)
    shapes = described["components"]["schemas"]
    wanted: dict[str, set[str]] = {}
    for one in OPERATIONS:
        if one.name in BY_LOG:
            assert cli.get_command(click.Context(cli), BY_LOG[one.name]) is not None
            continue
        bodies = [] if one.body is None else [one.body.__name__]
        for shape in bodies:  # which grows
            bodies += re.findall(r"#/components/schemas/(\w+)", json.dumps(shapes[shape]))
        names = {name for shape in bodies for name in shapes[shape]["properties"]}
        wanted[one.name] = (names | set(one.query.__struct_fields__)) - ELSEWHERE
    missing = {name: names - ASKED.get(name, set()) for name, names in wanted.items()}
    assert set(wanted) <= set(ASKED)
    assert {name: names for name, names in missing.items() if names} == {}
