"""Options of Kafka clients from settings."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from schemas.kafka_options import kafka_client_options
from schemas.settings import KafkaSettings, Secret, SettingsError


def test_plain() -> None:
    options = kafka_client_options(KafkaSettings(bootstrap="a:1,b:2"))
    assert options == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}


def test_tls_verifies_names() -> None:
    context = kafka_client_options(KafkaSettings(security_protocol="SSL"))["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_login() -> None:
    settings = KafkaSettings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="u",
        sasl_password=Secret("p"),
    )
    options = kafka_client_options(settings)
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    assert "ssl_context" not in options


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (KafkaSettings(security_protocol="TLS"), "kafka.security_protocol is 'TLS'; allowed: PLAINTEXT, SSL"),
        (KafkaSettings(security_protocol="SASL_SSL"), "needs kafka.sasl_username and kafka.sasl_password"),
        (KafkaSettings(security_protocol="SASL_SSL", sasl_mechanism="GSSAPI"), "allowed: PLAIN, SCRAM-SHA-256"),
        (KafkaSettings(security_protocol="SSL", ca_file="/nowhere.pem"), "kafka.ca_file is '/nowhere.pem'"),
    ],
)
def test_contradictions_are_named(settings: KafkaSettings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        kafka_client_options(settings)


def test_a_file_that_is_no_pem_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(SettingsError, match=r"kafka\.ca_file"):
        kafka_client_options(KafkaSettings(security_protocol="SSL", ca_file=str(file)))
