"""Which fields of events are secrets, though hashed or sealed: nobody is shown them."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from schemas.admin import AccountSet, ApiKeySet, ConnectionSet, UserSet
from schemas.parts import Event

SECRETS: dict[type[Event], dict[str, Any]] = {
    UserSet: {"password": "***"},
    AccountSet: {"password": "***"},
    ApiKeySet: {"secret": "***"},
    ConnectionSet: {"sealed": b"***"},
}
"""By event, its secret fields with what is shown instead."""

E = TypeVar("E", bound=Event)


def without_secrets(event: E) -> E:
    """The event as it may be shown; one without secrets is itself."""
    hidden = SECRETS.get(type(event))
    return msgspec.structs.replace(event, **hidden) if hidden else event
