"""The queries: named and commented in ``.sql`` files, read once when the store is made.

In a file a line ``-- name: NAME`` begins a query; further ``--`` lines describe it. ``{fragment}`` is
replaced by a fragment of FRAGMENTS, of STATES or of WAYS, never by anything that came from outside: values are
parameters.
"""

from __future__ import annotations

import re
from importlib.resources import files

STATES = {"all": "true", "connected": "s.online", "disconnected": "not s.online"}
"""Conditions on a session by the state asked for; the last two are those of the partial indexes."""

WAYS = {
    "after": {
        "way": "",
        "least": "greatest($10::bigint, $16::bigint)",
        "greatest": "$11::bigint",
        "behind": "($16 < 0 or (s.created_at, s.client_id) > ($16, $17::text))",
        "beyond": ">",
        "tenants": "<=",
    },
    "before": {
        "way": "desc",
        "least": "$10::bigint",
        "greatest": "least($11::bigint, $16::bigint)",
        "behind": "(s.created_at, s.client_id) < ($16, $17::text)",
        "beyond": "<",
        "tenants": ">=",
    },
}
"""The two ways to walk an index of the search for sessions: by rising values or by falling ones."""

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
    "retained_ready": "1 / (select count(*) from model where name = 'retained' and state = 'ready') = 1",
    "admin_ready": "1 / (select count(*) from model where name = 'admin' and state = 'ready') = 1",
    "commands_ready": """1 / (select count(*) / 2 from model
        where name in ('commands', 'admin') and state = 'ready') = 1""",
}

# Of the search for sessions (search.sql), whose parameters these are.
_KIND = """select s.online, s.node, s.clean_start, s.version, s.zone collate "C" as zone from sessions s"""
_KIND_ORDER = """order by s.tenant, s.online, s.node, s.clean_start, s.version, s.zone collate "C", s.created_at,
        s.client_id limit 1"""
_WANTED = """($2::text is null or s.client_id = $2)
        and s.connected_at >= $12::bigint and s.connected_at <= $13::bigint
        and ($14::text = '' or strpos(s.client_id, $14) > 0)
        and ($15::text = '' or strpos(s.username collate "C", $15) > 0)
        and"""
_SEARCHED = f"""{_WANTED} {{behind}} and {FRAGMENTS["alive"]}"""
_OF_KIND = """s.tenant = $1 and s.online = k.online and s.node = k.node and s.clean_start = k.clean_start
        and s.version = k.version and s.zone collate "C" = k.zone"""
FRAGMENTS |= {
    "first_kind": f"({_KIND} where {FRAGMENTS['sessions_ready']} and s.tenant = $1 {_KIND_ORDER})",
    # An equality on the tenant would take the place of the row comparison as the beginning of the scan.
    "next_kind": f"""{_KIND}
        where (s.tenant, s.online, s.node, s.clean_start, s.version, s.zone collate "C", s.created_at)
            > ($1, k.online, k.node, k.clean_start, k.version, k.zone, 9223372036854775807) and s.tenant <= $1
        {_KIND_ORDER}""",
    "kind_wanted": """($5::boolean is null or k.online = $5) and ($6::text is null or k.node = $6)
        and ($7::boolean is null or k.clean_start = $7) and ($8::integer[] is null or k.version = any($8))
        and ($9::text is null or k.zone = $9)""",
    # A session is not older than its connection; a clean start makes both at once.
    "of_kind": f"""{_OF_KIND}
        and s.created_at >= greatest({{least}}, case when k.clean_start then $12::bigint end)
        and s.created_at <= least({{greatest}}, $13::bigint)
        and ($3::text is null or s.username collate "C" = $3) and ($4::text is null or s.address collate "C" = $4)
        and {_SEARCHED}""",
    # With filters of kinds and ages alone; naming the other parameters gives them types, and costs no row anything.
    "of_kind_only": f"""{_OF_KIND}
        and s.created_at >= $10::bigint and s.created_at <= $11::bigint and {FRAGMENTS["alive"]}
        and (true or ($2::text, $3::text, $4::text, $14::text, $15::text, $17::text) is null
            or ($12::bigint, $13::bigint, $16::bigint) is null)""",
    "of_one": f"""s.created_at >= {{least}} and s.created_at <= {{greatest}}
        and ($5::boolean is null or s.online = $5) and ($6::text is null or s.node = $6)
        and ($7::boolean is null or s.clean_start = $7) and ($8::integer[] is null or s.version = any($8))
        and ($9::text is null or s.zone collate "C" = $9)
        and {_SEARCHED}""",
    # By another column before age: of the place, that column is $20. Conditions that no other index fits.
    "of_any": f"""s.created_at >= $10::bigint and s.created_at <= $11::bigint
        and (s.username collate "C" = $3) is not false and (s.address collate "C" = $4) is not false
        and (s.online = $5) is not false and (s.node = $6) is not false and (s.clean_start = $7) is not false
        and (s.version = any($8::integer[])) is not false and (s.zone collate "C" = $9) is not false
        and {_WANTED} {FRAGMENTS["alive"]}""",
    "searched_columns": """s.client_id, s.username, s.online, s.node, s.created_at, s.connected_at, s.disconnected_at,
       s.expiry, s.protocol, s.version, s.address, s.port, s.listener, s.zone, s.clean_start, s.keep_alive,
       s.receive_maximum, s.max_packet_size, s.topic_alias_max, s.request_response, s.request_problem, s.has_will,
       s.connection_name, s.tls_identity, s.bridge, s.disconnect_code, s.disconnect_reason, s.subscription_count,
       s.valid_from_time, c.at, c.inflight, c.queued, c.awaiting_rel, c.packets_in, c.packets_out, c.messages_in,
       c.messages_out, c.bytes_in, c.bytes_out, c.dropped, c.reads, c.writes""",
    # Lateral, so that no plan can begin with these. Counters of an earlier session of the same client id don't count.
    "searched_rows": """cross join lateral (
    select * from sessions s where s.tenant = $1 and s.client_id = found.client_id limit 1
) s
left join lateral (
    select * from session_counters c where c.tenant = s.tenant and c.client_id = s.client_id and c.epoch >= s.created
    limit 1
) c on true""",
}

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load() -> dict[str, str]:
    """All queries by name; those with ``{state}`` as ``name/all``, ``name/connected`` and ``name/disconnected``, those
    with ``{way}`` as ``name/after`` and ``name/before``.
    """
    queries: dict[str, str] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda found: found.name):
        if not file.name.endswith(".sql"):
            continue
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            queries.update(_variants(name, _statement(text)))
    return queries


def _variants(name: str, text: str) -> dict[str, str]:
    if "{state}" in text:
        return {f"{name}/{state}": _fill(f"{name}/{state}", text, "after", state=sql) for state, sql in STATES.items()}
    if "{way}" in text:
        return {f"{name}/{way}": _fill(f"{name}/{way}", text, way) for way in WAYS}
    return {name: _fill(name, text, "after")}


def _fill(name: str, text: str, way: str, **extra: str) -> str:
    # The name shows in pg_stat_activity and in the log of slow statements.
    parts = {name: part.format_map(WAYS[way]) for name, part in FRAGMENTS.items()}
    return f"/* {name} */ {text.format(**parts, **WAYS[way], **extra)}"


def _statement(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().rstrip(";")
