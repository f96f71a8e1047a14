"""What the two commands refuse before they ask Kafka anything, and their help."""

from __future__ import annotations

import errno

import click
import pytest
from aiokafka.errors import KafkaTimeoutError
from asyncpg import InsufficientPrivilegeError
from click.testing import CliRunner

from stack.cli import LAZY, cli, explained


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["events", "--topic", "a/#/b"], "no topic filter"),
        (["events", "--kind", "heartbeat"], "is not one of"),
        (["events", "--since", "noon"], "no time"),
        (["events", "--follow", "--until", "10m"], "has no end"),
        (["events", "--kind", "connected", "--topic", "a"], "No event can match"),
        (["events", "--limit", "0"], "not in the range"),
        (["replay", "--until", "3/1,3/2"], "partition 3 twice"),
        (["replay", "--what", "everything"], "is not one of"),
        (["replay", "--verify", "--until", "10m"], "--verify folds to where the read models are"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())


@pytest.mark.parametrize("command", ["events", "replay"])
def test_help_says_how_moments_are_written(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert "3/120.4" in result.output
    assert "120,7,0" in result.output


@pytest.mark.parametrize("command", ["events", "replay"])
def test_without_kafka_it_is_one_sentence(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQLEDGER_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    result = CliRunner().invoke(cli, [command])
    assert result.exit_code == 1
    assert "Kafka can't be reached at 127.0.0.1:1" in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "full", "x.json"), "There is no space left for x.json; free some and try again."),
        (PermissionError(errno.EACCES, "Permission denied", "x.json"), "x.json can't be used: Permission denied."),
        (KafkaTimeoutError("late"), "Kafka failed: KafkaTimeoutError: KafkaTimeoutError: late; see `mqledger status`."),
        (InsufficientPrivilegeError("no"), "Postgres failed: InsufficientPrivilegeError: no; see `mqledger status`."),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "A connection broke (reset); see `mqledger status`."),
        (TimeoutError(), "A connection broke (TimeoutError); see `mqledger status`."),
        (BrokenPipeError(errno.EPIPE, "who reads has gone"), ""),
        (KeyError("ours"), ""),
        (ValueError("ours"), ""),
    ],
)
def test_what_a_person_can_mend_is_a_sentence_and_a_defect_is_not(error: Exception, sentence: str) -> None:
    assert explained(error) == sentence


def test_the_list_of_commands_is_whole_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    commands = result.output.partition("Commands:")[2].strip().splitlines()
    assert len(commands) == len(cli.list_commands(click.Context(cli)))
    assert not [line for line in commands if line.endswith("...")]


@pytest.mark.parametrize("name", sorted(LAZY))
def test_every_command_over_the_api_helps_in_whole_lines(name: str) -> None:
    """Subcommands, too: each says what it does, and its list fits 80 columns."""
    group = cli.get_command(click.Context(cli), name)
    assert group is not None
    for path in [[name], *([name, sub] for sub in getattr(group, "commands", ()))]:
        result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80)
        assert result.exit_code == 0
        assert "..." not in result.output.partition("Commands:")[2]
