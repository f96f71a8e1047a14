"""Events of the topic ``mq.admin``: who may do what, and what runs. One event to a record, not in a frame.

Each of them is a command and, by the fold (:mod:`domain.admin`), its own outcome: there is one partition, so that every
reader comes to the same. Secrets are never in it: passwords as argon2 hashes, those of broker connections sealed.
``mode`` says what an event insists on: ``add`` that there is none yet, ``change`` that there is one, ``set`` nothing.
"""

from __future__ import annotations

from typing import ClassVar, Union

from schemas.commands import Order
from schemas.parts import Event


class UserSet(Event, frozen=True, tag="user_set.1"):
    """A user of the MQTT side gets a password."""

    KIND: ClassVar[str] = "user_set.1"
    order: Order
    mode: str
    tenant: str
    username: str
    password: str
    """Argon2 hash in PHC string format."""
    superuser: bool = False
    """Access rules do not concern this user."""


class UserRemoved(Event, frozen=True, tag="user_removed.1"):
    """A user of the MQTT side is no more."""

    KIND: ClassVar[str] = "user_removed.1"
    order: Order
    tenant: str
    username: str


class AclAdded(Event, frozen=True, tag="acl_added.1"):
    """An access rule; its id is the order's. Rules are asked by rising ``place``, then by age: the first that fits."""

    KIND: ClassVar[str] = "acl_added.1"
    order: Order
    tenant: str
    allow: bool
    action: str
    """``publish``, ``subscribe`` or ``all``."""
    topic: str
    """Topic filter, in which ``%c`` and ``%u`` stand for the client's id and user; with ``eq `` in front the rest is
    meant literally, wildcards included."""
    username: str = ""
    """Empty: any. So with the next two."""
    client_id: str = ""
    address: str = ""
    """An address or a network, such as ``10.0.0.0/8``."""
    place: int = 100


class AclRemoved(Event, frozen=True, tag="acl_removed.1"):
    """An access rule is no more."""

    KIND: ClassVar[str] = "acl_removed.1"
    order: Order
    tenant: str
    rule: str


class Banned(Event, frozen=True, tag="banned.1"):
    """Clients are not let in until a time."""

    KIND: ClassVar[str] = "banned.1"
    order: Order
    mode: str
    tenant: str
    kind: str
    """``clientid``, ``username`` or ``peerhost``."""
    who: str
    by: str
    reason: str
    at: int
    until: int
    """Milliseconds since 1970 UTC; 0 is for ever."""


class Unbanned(Event, frozen=True, tag="unbanned.1"):
    """A ban is no more."""

    KIND: ClassVar[str] = "unbanned.1"
    order: Order
    tenant: str
    kind: str
    who: str


class AccountSet(Event, frozen=True, tag="account_set.1"):
    """An account of the admin side. An empty password or role leaves what there is as it is."""

    KIND: ClassVar[str] = "account_set.1"
    order: Order
    mode: str
    """Also ``first``: only if there is no account at all."""
    name: str
    password: str
    """Argon2 hash in PHC string format."""
    role: str
    """``viewer``, ``operator``, ``connection_manager`` or ``administrator``."""
    tenant: str
    """The only tenant it sees; ``*`` for all."""
    tags: str = ""


class AccountRemoved(Event, frozen=True, tag="account_removed.1"):
    """An account of the admin side is no more."""

    KIND: ClassVar[str] = "account_removed.1"
    order: Order
    name: str


class ApiKeySet(Event, frozen=True, tag="api_key_set.1"):
    """An API key: an app id with a secret. An empty secret leaves the old one."""

    KIND: ClassVar[str] = "api_key_set.1"
    order: Order
    mode: str
    app_id: str
    secret: str
    """Argon2 hash in PHC string format."""
    name: str
    role: str
    tenant: str
    enabled: bool = True
    expires: int = 0
    """Milliseconds since 1970 UTC; 0 is never."""


class ApiKeyRemoved(Event, frozen=True, tag="api_key_removed.1"):
    """An API key is no more."""

    KIND: ClassVar[str] = "api_key_removed.1"
    order: Order
    app_id: str


class ConnectionSet(Event, frozen=True, tag="connection_set.1"):
    """A connection to another broker."""

    KIND: ClassVar[str] = "connection_set.1"
    order: Order
    mode: str
    tenant: str
    connection_id: str
    name: str
    url: str
    username: str
    client_id: str
    reject_unauthorized: bool
    parts: list[str]
    """What is sealed: of ``password``, ``ca``, ``cert``, ``key``."""
    sealed: bytes
    """These, as a MessagePack map, encrypted with the key of the deployment."""
    most: int = 0
    """Most connections that a tenant may have; 0 is no limit."""


class ConnectionRemoved(Event, frozen=True, tag="connection_removed.1"):
    """A connection to another broker is no more."""

    KIND: ClassVar[str] = "connection_removed.1"
    order: Order
    tenant: str
    connection_id: str


class PluginSet(Event, frozen=True, tag="plugin_set.1"):
    """A module runs or does not, on every node."""

    KIND: ClassVar[str] = "plugin_set.1"
    order: Order
    name: str
    active: bool


class ListenerSet(Event, frozen=True, tag="listener_set.1"):
    """A listener of a node takes connections or does not."""

    KIND: ClassVar[str] = "listener_set.1"
    order: Order
    node: str
    """Empty: of every node."""
    listener: str
    active: bool


class AclCacheCleared(Event, frozen=True, tag="acl_cache_cleared.1"):
    """What nodes remember of access checks of a tenant's clients is to be forgotten."""

    KIND: ClassVar[str] = "acl_cache_cleared.1"
    order: Order
    tenant: str
    """``*``: of all."""


AdminEvent = Union[  # noqa: UP007 - msgspec builds its decoder from this at run time
    UserSet,
    UserRemoved,
    AclAdded,
    AclRemoved,
    Banned,
    Unbanned,
    AccountSet,
    AccountRemoved,
    ApiKeySet,
    ApiKeyRemoved,
    ConnectionSet,
    ConnectionRemoved,
    PluginSet,
    ListenerSet,
    AclCacheCleared,
]
ADMIN_TYPES: tuple[type[AdminEvent], ...] = AdminEvent.__args__  # type: ignore[attr-defined]
