"""`mqledger` over the native API: every command once, on a live stack; who asks, JSON, sentences."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from stack.cli import LAZY, cli
from tests.integration.dialects.live import Live
from tests.stackkit.eventually import eventually_sync

OVER_THE_API = ("stack.cli_sessions", "stack.cli_access", "stack.cli_nodes")
RUN: set[str] = set()
"""Commands that some test has run."""


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


@pytest.fixture
def shell(live: Live) -> Shell:
    """As the administrator."""
    return Shell(live)


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
        assert [one["node"] for one in shell.json("route", "list", "--filter", f"{name}/+")]
        (row,) = shell.json("session", "list", "--prefix", name)
        assert row["connected"] is True
        assert name in shell.run("session", "list", "--contains", name, "--address", "127.0.0.1")
        assert f"{name}/+" in shell.run("session", "show", name)
        assert shell.json("session", "queue", name)["client_id"] == name
        assert "0x00" in shell.run("session", "unsubscribe", name, f"{name}/+")
        shell.run("acl", "clear-cache", name)
        shell.run("session", "disconnect", name, "--reason", "enough")
    shell.run("session", "subscribe", name, f"{name}/+", "--qos", "1")
    shell.run("publish", f"{name}/z", "waits", "--qos", "1")
    (held,) = shell.json("session", "queue", name, "--messages")
    assert f"{name}/z" in shell.run("session", "message", name, held["position"])
    assert shell.run("session", "message", name, held["position"], "--raw") == "waits"
    assert "ended the session" in shell.run("session", "kick", name)
    assert "no such thing" in shell.run("kick", name, code=1)
    assert "ended 0 sessions" in shell.run("session", "expire", "--away", "4294967295")
    shell.run("publish", name, "kept", "--retain")
    assert [one["size"] for one in shell.json("retained", "list", "--prefix", name)] == [4]
    assert name in shell.run("retained", "show", name)
    assert shell.run("retained", "show", name, "--raw") == "kept"
    shell.run("retained", "clear", name)
    assert {"kick", "publish"} & {one["verb"] for one in shell.json("command", "list", "--client-id", name)}


def test_users_rules_and_bans(shell: Shell, name: str) -> None:
    shell.run("user", "add", name, "--password-stdin", given="correct horse\n")
    shell.run("user", "passwd", name, "--superuser", "--password-stdin", given="battery staple\n")
    assert [one["superuser"] for one in shell.json("user", "list", "--prefix", name)] == [True]
    added = shell.json("acl", "add", "deny", "publish", f"{name}/%c/#", "--place", "-5")
    verdict = shell.json("acl", "test", "publish", f"{name}/x/y", "--client-id", "x")
    assert (verdict["allowed"], verdict["rule"]) == (False, added["id"])
    assert shell.json("acl", "test", "publish", f"{name}/x/y", "--client-id", "x", "--user", name)["by"] == "superuser"
    assert added["id"] in shell.run("acl", "list")
    shell.run("acl", "rm", added["id"])
    shell.run("acl", "clear-cache")
    shell.run("ban", "add", "clientid", name, "--reason", "noisy", "--seconds", "60")
    assert name in shell.run("ban", "list")
    shell.run("ban", "rm", "clientid", name)
    shell.run("user", "rm", name)
    assert shell.run("command", "show", added["id"])


def test_accounts_and_keys(live: Live, shell: Shell, name: str) -> None:
    shell.run("account", "add", name, "--role", "viewer", "--password-stdin", given="correct horse\n")
    shell.run("account", "change", name, "--role", "operator", "--scope", "default")
    shell.run("account", "passwd", name, "--password-stdin", given="battery staple\n")
    assert "operator" in Shell(live, name, "battery staple").run("whoami")
    assert "may not" in Shell(live, name, "battery staple").run("account", "list", code=1)
    made = shell.json("key", "add", name, "--role", "viewer")
    assert Shell(live, made["app_id"], made["secret"]).json("whoami")["name"] == made["app_id"]
    shell.run("key", "disable", made["app_id"])
    Shell(live, made["app_id"], made["secret"]).run("whoami", code=1)
    shell.run("key", "enable", made["app_id"])
    assert made["app_id"] in shell.run("key", "list")
    shell.run("key", "rm", made["app_id"])
    assert name in shell.run("account", "list")
    shell.run("account", "rm", name)


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
    shell.run("connection", "rm", name)
    assert "subscriptions" in shell.run("stats")
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
    shell.run("connection", "rm", name)


def test_every_command_was_run() -> None:
    """Last: a command that no test above runs is missing here."""
    known = set()
    for word in [word for word, module in LAZY.items() if module in OVER_THE_API]:
        command = cli.get_command(click.Context(cli), word)
        known |= {f"{word} {sub}" for sub in command.commands} if isinstance(command, click.Group) else {word}
    assert known <= RUN
