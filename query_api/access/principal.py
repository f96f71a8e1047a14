"""Who asks, in which role, for which tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALL_TENANTS: Final = "*"
LOOPBACK: Final = "loopback"
"""Name of a caller on this machine who shows no credentials."""


class Permission(StrEnum):
    """A kind of request."""

    READ = "read"
    """Lists, details, numbers."""
    OPERATE = "operate"
    """Commands to sessions: kick, publish, subscribe; bans; caches."""
    CONNECTIONS = "connections"
    """Connections to other brokers."""
    ADMINISTER = "administer"
    """Users, rules, accounts, API keys, modules, listeners."""


class Role(StrEnum):
    """What an account or an API key is for; the values are those of ``account_set``."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    CONNECTION_MANAGER = "connection_manager"
    ADMINISTRATOR = "administrator"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
    Role.CONNECTION_MANAGER: frozenset({Permission.READ, Permission.CONNECTIONS}),
    Role.ADMINISTRATOR: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    name: str
    """Of the account, or the app id of the key."""
    role: Role
    tenant: str
    """The only one it sees; ``*`` for all."""
    anonymous: bool = False
    """A caller on this machine without credentials: with some, it may be another."""

    def may(self, permission: Permission) -> bool:
        """Whether the role allows this kind of request."""
        return permission in PERMISSIONS[self.role]

    def sees(self, tenant: str) -> bool:
        """Whether the tenant concerns it."""
        return self.tenant in (ALL_TENANTS, tenant)

    @property
    def everywhere(self) -> bool:
        """Whether it sees all tenants, and so what belongs to none: nodes, listeners, modules."""
        return self.tenant == ALL_TENANTS
