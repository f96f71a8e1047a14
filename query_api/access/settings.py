"""Settings of who may log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from query_api.access.principal import Role

ANONYMOUS_ROLES: Final[Mapping[str, Role | None]] = {
    "loopback-read": Role.VIEWER,
    "loopback-operate": Role.OPERATOR,
    "none": None,
}


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may use the APIs."""

    anonymous: str = "loopback-read"
    """What callers on this machine may do without an account while the API listens on loopback alone:
    ``loopback-read``, ``loopback-operate`` (also commands to sessions) or ``none``. Beyond loopback it is always
    none."""
    session: float = 43_200.0
    """Seconds that a login lasts."""
    failures_by_name: int = 10
    """Failed logins with a name in a minute, per worker process; who then comes with it has to wait (429), unless with
    credentials that were right before."""
    failures_by_address: int = 30
    """The same from an address; more where many callers share one, such as behind a proxy."""
    first_secret_file: str = ""
    """File that gets the password of the first administrator, for ``mqledger up``; empty means standard error."""
