"""Configuration: where values come from, what is refused and how it is said."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ingest.main import check
from query_api import tokens
from schemas.settings import Secret, SettingsError
from stack.cli import cli
from stack.config import KINDS, Config, Key, keys, load
from stack.config_docs import configuration_markdown
from stack.limits import LEAST_KEY_LENGTH, LIMITS
from stack.local.lock import LOCAL_FILE, lock_data
from stack.services import named_by_host

ROOT = Path(__file__).resolve().parents[3]
FREE_TEXT = {
    "kafka.sasl_username",
    "kafka.ca_file",
    "api.tls_cert",
    "api.tls_key",
    "access.first_secret_file",
    "projector.data_dir",
    "remote.url",
    "remote.user",
    "remote.tenant",
    "local.java",
    "local.cache",
    "local.maven_repository",
}
"""Settings that may be any text."""


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No local stack in reach."""
    monkeypatch.chdir(tmp_path)


def toml(folder: Path, text: str) -> Path:
    file = folder / "mqledger.toml"
    file.write_text(text)
    return file


def refusal(environ: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environ)
    return str(caught.value)


def test_defaults_are_those_of_the_dataclasses() -> None:
    config = load(None, {})
    assert config.ingest == type(config.ingest)()
    assert config.projector == type(config.projector)()
    assert config.api == type(config.api)()
    assert config.stack == type(config.stack)()


def test_environment_beats_file_beats_local_stack_beats_defaults(tmp_path: Path) -> None:
    file = toml(
        tmp_path, '[mqtt]\nport = 1\nmax_inflight = 2\n[log]\nrequest_timeout = 7\n[kafka]\nbootstrap = "a:1"\n'
    )
    local = tmp_path / "data" / LOCAL_FILE
    local.parent.mkdir(parents=True)
    running = lock_data(tmp_path / "data")
    local.write_text('[kafka]\nbootstrap = "local:1"\n[api]\nport = 99\n')
    environ = {"MQLEDGER_MQTT__PORT": "3", "MQLEDGER_LOCAL__DATA": str(tmp_path / "data")}
    config = load(file, environ)
    assert (config.ingest.mqtt.port, config.ingest.mqtt.max_inflight) == (3, 2)
    assert config.ingest.log.request_timeout == 7.0
    assert config.kafka.bootstrap == "a:1"
    assert config.api.port == 99
    assert config.settings["mqtt.port"].source == "MQLEDGER_MQTT__PORT"
    assert config.settings["mqtt.max_inflight"].source == str(file)
    assert config.settings["api.port"].source == str(local)
    assert load(file, environ, local_stack=False).api.port == 8082
    os.close(running)
    assert load(file, environ).api.port == 8082, "what a killed stack said counts no more"


def test_who_takes_a_data_folder_clears_what_a_killed_one_said(tmp_path: Path) -> None:
    local = tmp_path / LOCAL_FILE
    local.parent.mkdir()
    local.write_text("[api]\nport = 99\n")
    os.close(lock_data(tmp_path))
    assert not local.exists()


def test_kafka_and_postgres_are_shared() -> None:
    config = load(None, {"MQLEDGER_KAFKA__PARTITIONS": "3", "MQLEDGER_POSTGRES__SCHEMA": "x"})
    assert config.ingest.kafka is not None
    assert config.ingest.kafka == config.projector.kafka == config.kafka
    assert config.projector.postgres == config.api.postgres == config.postgres
    assert config.kafka.partitions == 3


def test_the_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    file = toml(tmp_path, "[api]\nport = 5\n")
    assert load(None, {"MQLEDGER_CONFIG": str(file)}).api.port == 5


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("on", True), ("1", True), ("off", False), ("0", False)]
)
def test_words_for_yes_and_no(text: str, value: bool) -> None:
    config = load(None, {"MQLEDGER_PROJECTOR__HTTP_ALLOW_ANONYMOUS_REMOTE": text})
    assert config.projector.http_allow_anonymous_remote is value


def test_everything_wrong_is_told_at_once_with_source_and_what_is_allowed(tmp_path: Path) -> None:
    file = toml(tmp_path, '[mqtt]\nprot = 1\nbacklog = "x"\n[mqt]\nport = 1\n[kafka]\nmin_insync = 2\n')
    text = refusal({"MQLEDGER_MQTT__PORT": "70000", "MQLEDGER_MQTT_PORT": "1", "MQLEDGER_API__WORKERS": "many"}, file)
    for line in (
        f"there is no setting mqtt.prot (in {file}); did you mean mqtt.port?",
        f"there is no section [mqt] (in {file}); did you mean mqtt?",
        f"mqtt.backlog is 'x' (from {file}) and must be a whole number, 1 to 65535",
        "mqtt.port is 70000 (from MQLEDGER_MQTT__PORT) and must be a whole number, 0 to 65535",
        "there is no setting MQLEDGER_MQTT_PORT (in the environment); did you mean MQLEDGER_MQTT__PORT?",
        "api.workers is 'many' (from MQLEDGER_API__WORKERS) and must be a whole number, 1 to 256",
        "kafka.min_insync is 2 and kafka.replication is 1; kafka.min_insync must not be the higher one",
    ):
        assert f"  - {line}\n" in text + "\n"


def test_a_file_that_is_no_toml_or_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert "is no TOML" in refusal({}, toml(tmp_path, "[mqtt\n"))
    assert "can't be read: No such file or directory" in refusal({}, tmp_path / "missing.toml")


def test_secrets_never_appear(tmp_path: Path) -> None:
    secret = "postgresql://u:hunter2@h/db"
    config = load(None, {"MQLEDGER_POSTGRES__DSN": secret, "MQLEDGER_KAFKA__SASL_PASSWORD": "hunter2"})
    assert config.postgres.dsn.reveal() == secret
    assert "hunter2" not in repr(config) + str(config.postgres) + repr(config.ingest)
    assert "hunter2" not in refusal({"MQLEDGER_POSTGRES__DSN": "mysql://u:hunter2@h/db"})
    assert "hunter2" not in refusal({}, toml(tmp_path, "[postgres]\ndsn = ['hunter2']\n"))
    shown = CliRunner().invoke(cli, ["config", "show"], env={"MQLEDGER_POSTGRES__DSN": secret})
    assert shown.exit_code == 0
    assert "(secret, set)" in shown.output
    assert "hunter2" not in shown.output


def test_a_login_without_user_or_password_is_refused() -> None:
    assert "set kafka.sasl_username and kafka.sasl_password" in refusal(
        {"MQLEDGER_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}
    )


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://db/x",
        "postgres://u:p%40ss@db:5432/mqledger?sslmode=verify-full",
        "postgresql://u@a:5432,b:5433/x?target_session_attrs=read-write",
        "postgresql://u@[::1]:5432/x",
        "postgresql:///x?host=/run/postgresql",
    ],
)
def test_a_dsn_that_the_library_takes(dsn: str) -> None:
    assert load(None, {"MQLEDGER_POSTGRES__DSN": dsn}).postgres.dsn.reveal() == dsn


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://db/x",
        "postgresql://u:s3cret@h:notaport/db",
        "postgresql://u:s3cret@h:70000/db",
        "postgresql://u:s3cret@h:0/db",
        "postgresql://u:s3cret/more@h/db",
        "postgresql://u:s3cret@h@more/db",
        "postgresql://u:s3cret@[::1/db",
        "postgresql://u:s3cret@h/db?sslmode=bogus",
        "postgresql://u:s3cret@h/db?sslmode",
    ],
)
def test_a_dsn_that_it_does_not_take_is_refused_without_being_shown(dsn: str) -> None:
    told = refusal({"MQLEDGER_POSTGRES__DSN": dsn})
    assert "postgres.dsn is a secret, not shown, (from MQLEDGER_POSTGRES__DSN) and must be" in told
    assert "s3cret" not in told
    assert "notaport" not in told


@pytest.mark.parametrize("value", ["short", "long-enough-for-a-key,short"])
def test_what_the_api_would_refuse_is_refused_at_once(value: str) -> None:
    assert LEAST_KEY_LENGTH == tokens.LEAST_KEY_LENGTH
    told = refusal({"MQLEDGER_API__TOKEN_KEYS": value})
    assert "api.token_keys is a secret, not shown, (from MQLEDGER_API__TOKEN_KEYS) and must be" in told
    assert "at least 16 characters" in told
    assert "short" not in told


def test_what_ingest_would_refuse_is_refused_at_once() -> None:
    assert "mqtt.max_packet_size is 786432 and log.max_frame_bytes 786432" in refusal(
        {"MQLEDGER_MQTT__MAX_PACKET_SIZE": "786432"}
    )


@pytest.mark.parametrize(
    ("address", "switch"),
    [
        ("MQLEDGER_MQTT__HOST", "MQLEDGER_MQTT__ALLOW_ANONYMOUS_REMOTE"),
        ("MQLEDGER_INGEST__HTTP_HOST", "MQLEDGER_INGEST__HTTP_ALLOW_ANONYMOUS_REMOTE"),
        ("MQLEDGER_PROJECTOR__HTTP_HOST", "MQLEDGER_PROJECTOR__HTTP_ALLOW_ANONYMOUS_REMOTE"),
    ],
)
def test_an_address_that_others_reach_must_be_allowed_by_name(address: str, switch: str) -> None:
    assert f"({switch}=true)" in refusal({address: "0.0.0.0"})
    load(None, {address: "0.0.0.0", switch: "true"})
    load(None, {address: "::1"})


def test_mqtt_may_listen_beyond_loopback_where_passwords_are_required() -> None:
    settings = load(None, {"MQLEDGER_MQTT__HOST": "0.0.0.0", "MQLEDGER_MQTT__AUTHENTICATION": "required"}).ingest
    check(settings)
    with pytest.raises(SettingsError, match="anyone may connect"):
        check(dataclasses.replace(settings, mqtt=dataclasses.replace(settings.mqtt, authentication="open")))


def test_a_worker_without_a_name_has_that_of_its_host() -> None:
    settings = load(None, {"MQLEDGER_PROJECTOR__WORKER": ""}).projector
    assert named_by_host(settings).worker == socket.gethostname()
    assert named_by_host(load(None, {}).projector).worker == "projector-1"


def test_each_section_is_described_once_with_plain_numbers() -> None:
    text = configuration_markdown()
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert not re.search(r"\d[ ,_]\d{3}\b|\de\+?\d", text)


def test_every_setting_is_documented_and_bounded() -> None:
    for key in keys():
        assert key.doc, key.dotted
        assert key.type in KINDS
        free = key.type in (bool, Secret) or key.dotted in FREE_TEXT
        assert free or key.dotted in LIMITS, f"{key.dotted} has no limit in stack/limits.py"
    assert set(LIMITS) <= {key.dotted for key in keys()}


def samples(key: Key) -> st.SearchStrategy[object]:
    """Values that fit the key's type, many of them out of range."""
    return {
        bool: st.booleans(),
        int: st.integers(-(2**40), 2**40),
        float: st.floats(allow_nan=False, allow_infinity=False, width=32),
        str: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        Secret: st.text("abc:/", max_size=20).map(Secret),
    }[key.type]


@given(st.data())
def test_what_a_config_gives_to_another_process_arrives_unchanged(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys()))
    value = data.draw(samples(key))
    environ = load(None, {}).environment(**{key.dotted.replace(".", "__"): value})
    try:
        arrived: Config = load(None, environ, local_stack=False)
    except SettingsError as error:
        refused = key.dotted in str(error)
        assert refused
        return
    got = arrived.settings[key.dotted].value
    assert (got.reveal() if isinstance(got, Secret) else got) == (
        value.reveal() if isinstance(value, Secret) else value
    )


def test_the_document_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == configuration_markdown(), "run make docs"


def test_help_needs_none_of_the_heavy_libraries() -> None:
    script = "import sys, stack.cli; print([m for m in ('aiokafka','faust','litestar','asyncpg') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_command_explains_itself() -> None:
    listed = CliRunner().invoke(cli, ["--help"])
    assert listed.exit_code == 0
    for name in ("up", "ingest", "projector", "api", "topics", "migrate", "status", "config", "health"):
        assert f"  {name} " in listed.output
        assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_wrong_configuration_is_one_message_without_a_traceback() -> None:
    done = CliRunner().invoke(cli, ["config", "check"], env={"MQLEDGER_API__PORT": "x"})
    assert done.exit_code == 1
    assert done.output.startswith("mqledger: The configuration is wrong:\n  - api.port is 'x'")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(None, {}).api.port = 1  # type: ignore[misc]
