"""The queries: named and commented in ``.sql`` files, read once when the store is made.

In a file a line ``-- name: NAME`` begins a query; further ``--`` lines describe it. ``{fragment}`` is
replaced by a fragment of FRAGMENTS or of STATES, never by anything that came from outside: values are parameters.
"""

from __future__ import annotations

import re
from importlib.resources import files

STATES = {"all": "true", "connected": "s.online", "disconnected": "not s.online"}
"""Conditions on a session by the state asked for; the last two are those of the partial indexes."""

FRAGMENTS = {
    # A session whole, as it is and as it was: the columns that both tables have.
    "session_columns": """client_id, username, online, node, created_at, connected_at, disconnected_at, expiry,
        protocol, version, address, port, listener, zone, clean_start, keep_alive, receive_maximum, max_packet_size,
        topic_alias_max, request_response, request_problem, has_will, connection_name, tls_identity, bridge,
        disconnect_code, disconnect_reason, subscription_count, valid_from_time""",
    # A session whose time is up is over, even before its end is in the log. Never: 4294967295.
    "alive": """(s.online or s.expiry = 4294967295 or s.disconnected_at + s.expiry * 1000
        > (select (extract(epoch from statement_timestamp()) * 1000)::bigint))""",
    # Division by zero unless the models are ready in the very snapshot of the query: an empty list is never a
    # model that is still loading. Without columns of a table it is evaluated once, before the first row.
    "sessions_ready": "1 / (select count(*) from model where name = 'sessions' and state = 'ready') = 1",
    "subscriptions_ready": """1 / (select count(*) / 2 from model
        where name in ('sessions', 'subscriptions') and state = 'ready') = 1""",
    "stats_ready": """1 / (select count(*) / 4 from model
        where name in ('sessions', 'subscriptions', 'metrics', 'nodes') and state = 'ready') = 1""",
    "routes_ready": "1 / (select count(*) from model where name = 'routes' and state = 'ready') = 1",
    "nodes_ready": "1 / (select count(*) from model where name = 'nodes' and state = 'ready') = 1",
    "metrics_ready": "1 / (select count(*) from model where name = 'metrics' and state = 'ready') = 1",
    "admin_ready": "1 / (select count(*) from model where name = 'admin' and state = 'ready') = 1",
    "commands_ready": """1 / (select count(*) / 2 from model
        where name in ('commands', 'admin') and state = 'ready') = 1""",
}

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load() -> dict[str, str]:
    """All queries by name; those with ``{state}`` as ``name/all``, ``name/connected`` and ``name/disconnected``."""
    queries: dict[str, str] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda found: found.name):
        if not file.name.endswith(".sql"):
            continue
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            queries.update(_variants(name, _statement(text)))
    return queries


def _variants(name: str, text: str) -> dict[str, str]:
    # The name shows in pg_stat_activity and in the log of slow statements.
    if "{state}" not in text:
        return {name: f"/* {name} */ {_fill(text)}"}
    return {f"{name}/{state}": f"/* {name}/{state} */ {_fill(text, state=sql)}" for state, sql in STATES.items()}


def _fill(text: str, **extra: str) -> str:
    return text.format(**FRAGMENTS, **extra)


def _statement(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().rstrip(";")
