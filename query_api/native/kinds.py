"""Kinds of events: which there are to ask for, what they are about, and who may read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from query_api.access.principal import Permission, Principal

Kind = Literal[
    "node_started",
    "node_stopped",
    "node_lost",
    "connected",
    "refused",
    "subscribed",
    "unsubscribed",
    "disconnected",
    "session_ended",
    "sending",
    "received",
    "dropped",
    "denied",
    "kick",
    "publish",
    "retain",
    "subscribe",
    "unsubscribe",
    "expire",
    "clear_acl",
    "command_done",
    "published",
    "will_fired",
    "released",
    "user_set",
    "user_removed",
    "acl_added",
    "acl_removed",
    "banned",
    "unbanned",
    "account_set",
    "account_removed",
    "api_key_set",
    "api_key_removed",
    "connection_set",
    "connection_removed",
    "plugin_set",
    "listener_set",
    "acl_cache_cleared",
    "connection_status",
]
"""Names of events, but for those that concern many clients; a test proves that none is missing."""
About = Literal["sessions", "administration", "connections"]

LIFECYCLE: Final = frozenset(
    {
        "node_started",
        "node_stopped",
        "node_lost",
        "connected",
        "refused",
        "subscribed",
        "unsubscribed",
        "disconnected",
        "session_ended",
        "dropped",
        "denied",
        "kick",
        "publish",
        "retain",
        "subscribe",
        "unsubscribe",
        "expire",
        "clear_acl",
        "command_done",
        "will_fired",
    }
)
"""What is shown when nothing is named."""
OF_NODES: Final = frozenset({"node_started", "node_stopped", "node_lost"})
OF_DEPLOYMENT: Final = frozenset(
    {"account_set", "account_removed", "api_key_set", "api_key_removed", "plugin_set", "listener_set"}
)
"""Changes of what belongs to no tenant, though an account may be for one."""
CONNECTIONS: Final = frozenset({"connection_set", "connection_removed"})
CONNECTION_STATUS: Final = "connection_status"
ADMINISTRATION: Final = (
    frozenset({"user_set", "user_removed", "acl_added", "acl_removed", "banned", "unbanned", "acl_cache_cleared"})
    | OF_DEPLOYMENT
    | CONNECTIONS
)
"""What is in the log of the administration."""

ABOUT: Final[Mapping[About, frozenset[str]]] = {
    "sessions": LIFECYCLE,
    "administration": ADMINISTRATION,
    "connections": CONNECTIONS | {CONNECTION_STATUS},
}
"""Kinds in one word."""

_NEEDS: Final[Mapping[str, Permission]] = {
    "user_set": Permission.ADMINISTER,
    "user_removed": Permission.ADMINISTER,
    "acl_added": Permission.ADMINISTER,
    "acl_removed": Permission.ADMINISTER,
    "account_set": Permission.ADMINISTER,
    "account_removed": Permission.ADMINISTER,
    "api_key_set": Permission.ADMINISTER,
    "api_key_removed": Permission.ADMINISTER,
    "connection_set": Permission.CONNECTIONS,
    "connection_removed": Permission.CONNECTIONS,
    "connection_status": Permission.READ,
}


def needs(kind: str) -> Permission:
    """What it takes to read events of a kind: of changes as much as to read what they change, and at least as much as
    to read commands, which tell who asked and from where; or for connections, as much as to change them."""
    return _NEEDS.get(kind, Permission.OPERATE)


def readable(kinds: frozenset[str], principal: Principal) -> frozenset[str]:
    """Those of which somebody may read events."""
    return frozenset(
        kind for kind in kinds if principal.may(needs(kind)) and (principal.everywhere or kind not in OF_DEPLOYMENT)
    )
