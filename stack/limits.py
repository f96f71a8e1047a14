"""What each setting may be. Every number and every word with a fixed choice has a rule here; a test insists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ops.loopback import is_loopback
from schemas.broker_urls import Allowed
from schemas.kafka_options import SASL_MECHANISMS, SECURITY_PROTOCOLS
from schemas.sealed import LEAST_KEY_LENGTH as SEALING_KEY_LENGTH
from stack import dsn

Value = object
"""A str, int, float or bool, or the text of a Secret."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A test of a value and the words for what passes it."""

    allowed: str
    passes: Callable[[Value], bool]


def between(low: float, high: float, unit: str = "") -> Limit:
    """A number from ``low`` to ``high``, both included."""
    words = f"{_digits(low)} to {_digits(high)} {unit}".strip()
    return Limit(words, lambda value: isinstance(value, int | float) and low <= value <= high)


def _digits(number: float) -> str:
    """As one writes it in the configuration: no separators, no exponent."""
    return f"{number:d}" if isinstance(number, int) else f"{number:.10g}"


def one_of(*words: str) -> Limit:
    """One of some words."""
    return Limit(" or ".join(words), lambda value: value in words)


def matching(pattern: str, words: str) -> Limit:
    """Text that a pattern describes."""
    compiled = re.compile(pattern)
    return Limit(words, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


PORT = between(0, 65535)
SECONDS = between(0.001, 86_400, "seconds")
BYTES = between(1, 2**40, "bytes")
COUNT = between(1, 2**31 - 1)
MOST = between(0, 2**31 - 1)
EXPIRY = between(0, 2**32 - 1, "seconds")
HOSTS = matching(r"[^\s,]+:\d+(,[^\s,]+:\d+)*", "host:port, or several with commas between")
LEAST_KEY_LENGTH = 16
"""Of a secret that signs tokens; the API insists on the same."""
FRAME_MARGIN = 65_536
"""Bytes of a frame beside one largest packet; ingest insists on the same."""
ALLOWED_REMOTE = {
    "mqtt.host": "mqtt.allow_anonymous_remote",
    "ingest.http_host": "ingest.http_allow_anonymous_remote",
    "projector.http_host": "projector.http_allow_anonymous_remote",
    "connector.http_host": "connector.http_allow_anonymous_remote",
}
"""Addresses that strangers could reach while there are no passwords yet, and what says that this is wanted."""
RECORDS = matching(r"(\d+/\d+(,\d+/\d+)*)?", "empty, or partition/offset, several with commas")
FRAMES = matching(
    r"((\d+|admin)/\d+(,(\d+|admin)/\d+)*)?", "empty, or partition/offset or admin/offset, several with commas"
)
NAME = matching(r"[A-Za-z0-9._-]{1,200}", "letters, digits, dot, underscore and hyphen")
NODE = matching(r"[A-Za-z0-9._@-]{1,200}", "letters, digits, dot, underscore, hyphen and at sign")
"""With an at sign, so that scripts made for ``emq@127.0.0.1`` go on."""
NOT_EMPTY = Limit("not empty", bool)


def _is_time_zone(value: Value) -> bool:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


LIMITS: Mapping[str, Limit] = {
    "kafka.bootstrap": HOSTS,
    "kafka.topic_prefix": NAME,
    "kafka.partitions": between(1, 10_000),
    "kafka.replication": between(1, 100),
    "kafka.min_insync": between(1, 100),
    "kafka.security_protocol": one_of(*SECURITY_PROTOCOLS),
    "kafka.sasl_mechanism": one_of(*SASL_MECHANISMS),
    "postgres.dsn": Limit(dsn.ALLOWED, lambda value: isinstance(value, str) and dsn.usable(value)),
    "postgres.schema": matching(r"[a-z_][a-z0-9_]{0,62}", "lower case letters, digits and underscore, at most 63"),
    "postgres.pool_min": between(0, 1_000),
    "postgres.pool_max": between(1, 1_000),
    "postgres.statement_timeout_ms": between(1, 86_400_000, "milliseconds"),
    "connections.keys": Limit(
        f"empty, or secrets of at least {SEALING_KEY_LENGTH} characters with commas between, as `openssl rand -hex 32` "
        "prints them",
        lambda value: all(len(key) >= SEALING_KEY_LENGTH for key in _words(value)),
    ),
    "connections.allow": Limit(
        "empty, or names, addresses and networks with commas between", lambda v: _usable(str(v))
    ),
    "connections.most": between(1, 10_000),
    "mqtt.host": NOT_EMPTY,
    "mqtt.port": PORT,
    "mqtt.authentication": one_of("open", "required"),
    "mqtt.tenant_from": one_of("none", "username"),
    "mqtt.max_packet_size": between(64, 268_435_460, "bytes"),
    "mqtt.receive_maximum": between(1, 65_535),
    "mqtt.max_inflight": between(1, 16_384),
    "mqtt.max_queued_messages": COUNT,
    "mqtt.max_sessions": COUNT,
    "mqtt.max_subscriptions": COUNT,
    "mqtt.max_retained_messages": COUNT,
    "mqtt.max_retained_bytes": BYTES,
    "mqtt.max_sessions_per_tenant": MOST,
    "mqtt.max_subscriptions_per_tenant": MOST,
    "mqtt.max_retained_messages_per_tenant": MOST,
    "mqtt.max_retained_bytes_per_tenant": between(0, 2**40, "bytes"),
    "mqtt.queue_policy": one_of("drop_oldest", "drop_newest"),
    "mqtt.max_session_expiry": EXPIRY,
    "mqtt.persistent_v3_expiry": EXPIRY,
    "mqtt.topic_alias_maximum": between(0, 65_535),
    "mqtt.max_client_id_bytes": between(23, 1_024),
    "mqtt.max_username_bytes": between(1, 1_024),
    "mqtt.max_topic_filter_bytes": between(128, 1_536),
    "mqtt.max_topic_levels": between(1, 65_535),
    "mqtt.connect_timeout": SECONDS,
    "mqtt.max_keep_alive": between(1, 65_535, "seconds"),
    "mqtt.max_connections": COUNT,
    "mqtt.outbound_high_water": BYTES,
    "mqtt.slow_consumer_timeout": SECONDS,
    "mqtt.inbound_high_water": BYTES,
    "mqtt.backlog": between(1, 65_535),
    "clients.acl_default": one_of("allow", "deny"),
    "clients.deny_action": one_of("ignore", "disconnect"),
    "clients.acl_cache": between(1, 10_000),
    "clients.password_threads": between(1, 256),
    "clients.password_queue": COUNT,
    "clients.password_cache": COUNT,
    "log.max_frame_bytes": between(1_024, 1_040_000, "bytes, below the topic's max.message.bytes"),
    "log.max_frame_events": between(1, 65_536),
    "log.max_pending_bytes": BYTES,
    "log.request_timeout": SECONDS,
    "log.poison": one_of("stop", "skip"),
    "log.quarantine": FRAMES,
    "log.lost": RECORDS,
    "log.ring_bytes": BYTES,
    "log.progress_interval": SECONDS,
    "log.counters_interval": SECONDS,
    "log.heartbeat_interval": SECONDS,
    "ingest.node": NODE,
    "ingest.http_host": NOT_EMPTY,
    "ingest.http_port": PORT,
    "ingest.modules": matching(
        r"((retainer|sys)(,(retainer|sys))*)?", "empty, or retainer and sys, with a comma between"
    ),
    "ingest.sys_interval": SECONDS,
    "ingest.sys_tenant": NAME,
    "ingest.shutdown_grace": SECONDS,
    "projector.worker": matching(r"[A-Za-z0-9._-]{0,200}", "empty, or letters, digits, dot, underscore and hyphen"),
    "projector.app_id": NAME,
    "projector.poison": one_of("stop", "dead_letter"),
    "projector.quarantine": FRAMES,
    "projector.held_sessions": COUNT,
    "projector.ready_lag_ms": between(0, 86_400_000, "milliseconds"),
    "projector.batch_events": between(1, 1_000_000),
    "projector.http_host": NOT_EMPTY,
    "projector.http_port": PORT,
    "api.host": NOT_EMPTY,
    "api.port": PORT,
    "api.command_timeout": between(0.1, 300, "seconds"),
    "access.anonymous": one_of("loopback-read", "loopback-operate", "none"),
    "access.session": between(60, 31_536_000, "seconds"),
    "access.failures_by_name": between(1, 1_000_000),
    "access.failures_by_address": between(1, 1_000_000),
    "dialects.emqx4_port": PORT,
    "dialects.bifromq_port": PORT,
    "dialects.emq2_port": PORT,
    "dialects.cedalo_port": PORT,
    "dialects.off": matching(
        r"\s*((emqx4|bifromq|emq2|cedalo)\s*(,\s*(emqx4|bifromq|emq2|cedalo)\s*)*)?",
        "empty, or some of emqx4, bifromq, emq2, cedalo with commas between",
    ),
    "dialects.time_zone": Limit("the name of a time zone, such as Europe/Berlin", _is_time_zone),
    "api.workers": between(1, 256),
    "api.max_streams": between(1, 1_000),
    "api.stall_timeout": SECONDS,
    "api.max_wait": between(0, 3_600, "seconds"),
    "api.tenant": NOT_EMPTY,
    "api.token_keys": Limit(
        f"empty, or secrets of at least {LEAST_KEY_LENGTH} characters with commas between, as `openssl rand -hex 32` "
        "prints them",
        lambda value: all(len(key) >= LEAST_KEY_LENGTH for key in _words(value)),
    ),
    "connector.name": matching(r"[A-Za-z0-9._-]{0,200}", "empty, or letters, digits, dot, underscore and hyphen"),
    "connector.group": NAME,
    "connector.timeout": between(0.1, 60, "seconds"),
    "connector.keep_alive": between(5, 65_535, "seconds"),
    "connector.longest_pause": between(0.5, 86_400, "seconds"),
    "connector.http_host": NOT_EMPTY,
    "connector.http_port": PORT,
    "local.data": NOT_EMPTY,
    "local.kafka_port": PORT,
    "local.postgres_port": PORT,
    "local.kafka_heap_mb": between(256, 65_536, "MB"),
    "logging.level": one_of("debug", "info", "warning", "error"),
    "stack.wait": between(0, 86_400, "seconds"),
}


def _usable(value: str) -> bool:
    try:
        Allowed(value)
    except ValueError:
        return False
    return True


def _words(value: Value) -> list[str]:
    return [part.strip() for part in str(value).split(",") if part.strip()]


def contradictions(value: Callable[[str], Value]) -> list[str]:
    """Settings that are fine alone and wrong together, as sentences. ``value`` gives a setting by its key."""
    found = list(exposed(value))
    for low, high in (("postgres.pool_min", "postgres.pool_max"), ("kafka.min_insync", "kafka.replication")):
        smaller, larger = value(low), value(high)
        if isinstance(smaller, int) and isinstance(larger, int) and smaller > larger:
            found.append(f"{low} is {smaller} and {high} is {larger}; {low} must not be the higher one")
    if str(value("kafka.security_protocol")).startswith("SASL_") and not (
        value("kafka.sasl_username") and value("kafka.sasl_password")
    ):
        found.append("kafka.security_protocol asks for a login: set kafka.sasl_username and kafka.sasl_password")
    packet, frame = value("mqtt.max_packet_size"), value("log.max_frame_bytes")
    if isinstance(packet, int) and isinstance(frame, int) and packet + FRAME_MARGIN > frame:
        found.append(
            f"mqtt.max_packet_size is {packet} and log.max_frame_bytes {frame}; a packet must leave {FRAME_MARGIN} "
            "bytes of a frame free"
        )
    return found


def exposed(value: Callable[[str], Value]) -> Iterator[str]:
    """A sentence for each address beyond loopback that nobody has explicitly allowed."""
    for address, switch in ALLOWED_REMOTE.items():
        host = str(value(address))
        if not is_loopback(host) and not value(switch) and not (address == "mqtt.host" and _required(value)):
            variable = f"MQLEDGER_{switch.replace('.', '__')}".upper()
            yield (
                f"{address} is {host}, which others can reach, and there is no authentication yet: listen on "
                f"127.0.0.1, {'set mqtt.authentication = required, ' if address == 'mqtt.host' else ''}or say that you "
                f"want it: {switch} = true ({variable}=true)"
            )


def _required(value: Callable[[str], Value]) -> bool:
    """Whether clients need a password."""
    return value("mqtt.authentication") == "required"
