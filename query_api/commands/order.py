"""Ids and fingerprints of commands: what makes a repetition the same command, and what makes it another one."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

import msgspec

from query_api.commands.outcome import Asker
from schemas.commands import Order
from schemas.parts import Event

ID_CHARACTERS: Final = 40
_NOBODY: Final = Order("", "", "", "", 0)
_CHANCE: Final = ("password", "secret", "sealed", "at", "until")
"""Fields that differ between repetitions: hashes with their salt, sealed secrets, times counted from now."""


def order_of(asker: Asker, tenant: str, event: Any, now: int, timeout_ms: int) -> Order:
    """The order of a command; ``event`` is the command with any order, ``now`` in milliseconds."""
    key = asker.key
    return Order(
        id=keyed_id(tenant, key) if key else secrets.token_hex(ID_CHARACTERS // 2),
        actor=asker.name,
        address=asker.address,
        correlation=asker.correlation,
        at=now,
        not_after=now + timeout_ms,
        keyed=bool(key),
        fingerprint=fingerprint(event, asker.secret) if key else "",
        meta=dict(asker.meta),
    )


def keyed_id(tenant: str, key: str) -> str:
    """The id that an idempotency key gives: that of another tenant with the same key is another one."""
    return hashlib.sha256(msgspec.msgpack.encode((tenant, key))).hexdigest()[:ID_CHARACTERS]


def fingerprint(event: Event, secret: str = "") -> str:
    """What is asked for, as a short text that tells it from other commands.

    ``secret`` is sealed, as in :class:`Asker`: the text is in the log, and must not help to guess a password.
    """
    changes: dict[str, Any] = {"order": _NOBODY}
    for field in msgspec.structs.fields(type(event)):
        if field.name in _CHANCE:
            changes[field.name] = type(getattr(event, field.name))()
    same = msgspec.msgpack.encode(msgspec.structs.replace(event, **changes))
    return hashlib.sha256(same + secret.encode()).hexdigest()[:32]


def without_order() -> Order:
    """Stands for the order while an event is only looked at."""
    return _NOBODY
