"""The accounts and API keys there are: read when first asked for, and again once ``mq.admin`` has moved."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from query_api.access.principal import Role
from query_api.access.sessions import Known
from query_api.errors import UnavailableError
from query_api.store import Row, Store
from query_api.watch import Watch

ROLES: Final = frozenset(role.value for role in Role)

logger = logging.getLogger(__name__)


class Roll:
    """Both by name. Replaced as a whole by :meth:`current` alone."""

    def __init__(self, store: Store, watch: Watch) -> None:
        self._store = store
        self._watch = watch
        self._reading = asyncio.Lock()
        self._next = -2
        self.accounts: dict[str, Known] = {}
        self.keys: dict[str, Known] = {}
        self.empty = True
        """Whether there is no account, not even of a role that this version does not know."""

    async def current(self) -> Roll:
        """Itself, as of the latest reading of the watch. Raises UnavailableError."""
        if self._next != self._watch.admin_next or not self._watch.alive:
            async with self._reading:
                await self._read()
        return self

    async def _read(self) -> None:
        if not self._watch.alive:
            # Who may ask can't be told: what was so a while ago may not be so any more.
            raise UnavailableError("Postgres is away")
        reached = self._watch.admin_next
        if self._next == reached:
            return
        accounts = await self._store.fetch("login_accounts")
        keys = await self._store.fetch("login_keys")
        self.accounts = {row["name"]: _account(row) for row in accounts if _usable(row)}
        self.keys = {row["app_id"]: _key(row) for row in keys if row["enabled"] and _usable(row)}
        self.empty = not accounts
        self._next = reached


def _usable(row: Row) -> bool:
    """Whether its role is one that this version knows: whoever has another may do nothing, and the others go on."""
    if row["role"] in ROLES:
        return True
    logger.warning("an account has a role that this version does not know", extra={"role": row["role"]})
    return False


def _account(row: Row) -> Known:
    return Known(row["name"], row["password"], Role(row["role"]), row["tenant"])


def _key(row: Row) -> Known:
    return Known(row["app_id"], row["secret"], Role(row["role"]), row["tenant"], row["expires"])
