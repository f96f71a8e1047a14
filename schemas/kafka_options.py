"""Options for every Kafka client of ours, from KafkaSettings: one place for addresses, TLS and logins."""

from __future__ import annotations

import ssl

from schemas.settings import KafkaSettings, SettingsError

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def kafka_client_options(settings: KafkaSettings) -> dict[str, object]:
    """Keyword arguments for any aiokafka client. Raises SettingsError for a contradiction or a bad file.

    The result may hold a password: hand it to the client, never print it.
    """
    protocol = settings.security_protocol
    if protocol not in SECURITY_PROTOCOLS:
        raise SettingsError(f"kafka.security_protocol is {protocol!r}; allowed: {', '.join(SECURITY_PROTOCOLS)}")
    options: dict[str, object] = {"bootstrap_servers": settings.bootstrap, "security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings.ca_file)
    if protocol.startswith("SASL_"):
        options.update(_sasl(settings))
    return options


def ssl_context(ca_file: str) -> ssl.SSLContext:
    """A client context that verifies names and certificates against ``ca_file`` or the system's authorities."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"kafka.ca_file is {ca_file!r}, which is no readable PEM file of authorities") from error


def _sasl(settings: KafkaSettings) -> dict[str, object]:
    if settings.sasl_mechanism not in SASL_MECHANISMS:
        raise SettingsError(
            f"kafka.sasl_mechanism is {settings.sasl_mechanism!r}; allowed: {', '.join(SASL_MECHANISMS)}"
        )
    if not settings.sasl_username or not settings.sasl_password:
        raise SettingsError(
            f"kafka.security_protocol {settings.security_protocol} needs kafka.sasl_username and kafka.sasl_password"
        )
    return {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password.reveal(),
    }
