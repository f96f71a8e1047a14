"""Connections to other brokers, for every dialect: what may be asked for, making and removing them, how they are.

Secrets go in and never come out: passwords and keys are sealed here and opened by the connector alone. Certificates
are sealed with them, but say nothing that a broker's peers don't see; they are shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from query_api import admin_queries
from query_api.admin_queries import Connection
from query_api.commands.outcome import Asker, Outcome
from query_api.errors import InvalidError
from query_api.keyset import storable
from query_api.service import Service
from schemas.admin import ConnectionRemoved, ConnectionSet
from schemas.broker_urls import Allowed, BrokerUrlError, parse_broker_url
from schemas.commands import Order
from schemas.sealed import NotOpenedError, sealer

logger = logging.getLogger(__name__)

MODULE: Final = "connections"
"""The module that runs them; see :mod:`query_api.cluster`."""
SHOWN: Final = ("ca", "cert")
"""Parts that are no secrets."""
MOST_NAME_CHARACTERS: Final = 255
MOST_CREDENTIAL_BYTES: Final = 4_096
MOST_PART_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Draft:
    """A connection as somebody wants it."""

    connection_id: str
    name: str
    url: str
    username: str = ""
    client_id: str = ""
    verify: bool = True
    """Whether the far end's certificate must be one to believe."""
    parts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Any of :data:`schemas.sealed.PARTS`."""


def check(service: Service, draft: Draft) -> None:
    """Raises InvalidError for what can't be a connection, or may not be one here."""
    _text("id", draft.connection_id, MOST_NAME_CHARACTERS, least=1)
    _text("name", draft.name, MOST_NAME_CHARACTERS, least=1)
    _text("username", draft.username, MOST_CREDENTIAL_BYTES)
    _text("client id", draft.client_id, MOST_NAME_CHARACTERS)
    for name, part in draft.parts.items():
        if len(part) > (MOST_CREDENTIAL_BYTES if name == "password" else MOST_PART_BYTES):
            raise InvalidError(f"{name} is too long")
    if draft.parts.get("password") and not draft.username:
        raise InvalidError("a password needs a username")
    try:
        url = parse_broker_url(draft.url)
    except BrokerUrlError as error:
        raise InvalidError(str(error)) from error
    settings = service.settings.connections
    if not Allowed(settings.allow).host(url.host):
        raise InvalidError("connections to this host are not allowed")
    if any(draft.parts.values()) and not settings.keys:
        raise InvalidError("passwords, certificates and keys can't be kept here: connections.keys is not set")


async def put(service: Service, asker: Asker, tenant: str, draft: Draft, mode: str = "add") -> Outcome:
    """Make a connection, or change one; see :class:`schemas.admin.ConnectionSet` for ``mode``.

    Its outcome is ``done``, ``exists``, ``not_found`` or ``limit``. Raises InvalidError, and what commands raise.
    """
    check(service, draft)
    settings = service.settings.connections
    sealed = _sealed(service, tenant, draft)

    def make(order: Order) -> ConnectionSet:
        return ConnectionSet(
            order,
            mode,
            tenant,
            draft.connection_id,
            draft.name,
            draft.url,
            draft.username,
            draft.client_id,
            draft.verify,
            sorted(name for name, part in draft.parts.items() if part),
            sealed,
            settings.most,
        )

    return await service.commands.admin(asker, make, in_force=False, tenant=tenant)


async def remove(service: Service, asker: Asker, tenant: str, connection_id: str) -> Outcome:
    """Remove a connection: ``done`` or ``not_found``. Raises InvalidError, and what commands raise."""
    _text("id", connection_id, MOST_NAME_CHARACTERS, least=1)
    return await service.commands.admin(
        asker, lambda order: ConnectionRemoved(order, tenant, connection_id), in_force=False, tenant=tenant
    )


async def running(service: Service) -> bool:
    """Whether the module is on. Raises UnavailableError."""
    switch = (await admin_queries.plugin_switches(service.store)).get(MODULE)
    return switch is None or switch.active


async def told(service: Service, tenant: str, connection_id: str, seconds: float) -> Connection | None:
    """A connection once something is known of it, or as it is after so long; None when there is none.

    Raises UnavailableError.
    """
    found = None
    try:
        with service.watch.attended():
            async with asyncio.timeout(seconds):
                while True:
                    changed = service.watch.changed
                    found = await admin_queries.connection(service.store, tenant, connection_id)
                    if found is None or found.connected is not None:
                        return found
                    await changed.wait()
    except TimeoutError:
        return found


async def certificates(service: Service, tenant: str) -> dict[str, dict[str, bytes]]:
    """By connection, its ``ca`` and ``cert``, where it has some. Raises UnavailableError."""
    seal = sealer(service.settings.connections.keys)
    if seal is None:
        return {}
    found: dict[str, dict[str, bytes]] = {}
    for connection_id, sealed in await service.store.fetch("connection_seals", tenant):
        try:
            parts = seal.open(sealed, tenant, connection_id)
        except NotOpenedError as error:
            logger.warning("a connection can't be opened: %s", error, extra={"connection": connection_id})
            continue
        found[connection_id] = {name: parts[name] for name in SHOWN if name in parts}
    return found


async def is_kept(service: Service, tenant: str, draft: Draft, kept: Connection) -> bool:
    """Whether a connection is already as it is wanted, secrets included. Raises UnavailableError."""
    shown = (kept.name, kept.url, kept.username, kept.client_id, kept.reject_unauthorized)
    if shown != (draft.name, draft.url, draft.username, draft.client_id, draft.verify):
        return False
    rows = await service.store.fetch("connection_seal", tenant, draft.connection_id)
    return [row["sealed"] for row in rows] == [_sealed(service, tenant, draft)]


def _sealed(service: Service, tenant: str, draft: Draft) -> bytes:
    """The same for the same parts and key."""
    seal = sealer(service.settings.connections.keys)
    return seal.seal(draft.parts, tenant, draft.connection_id) if seal is not None else b""


def _text(name: str, value: str, most: int, least: int = 0) -> None:
    if not storable(value) or not value.isprintable() or not least <= len(value.encode()) <= most:
        raise InvalidError(f"{name} must be {least} to {most} printable characters")
