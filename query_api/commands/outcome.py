"""Who asks for a command, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PENDING: Final = ""
"""The outcome that is not known yet."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, from where, for which request."""

    name: str
    address: str
    correlation: str
    key: str = ""
    """Idempotency key, with the dialect in front of it; empty: each request is another command."""
    secret: str = field(default="", repr=False)
    """What the command says in secret, sealed under the keys of tokens: tells it from one with another secret."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """What it tells of the client in whose name it asks; bounded by the dialect. It goes into the log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to, as far as it is known."""

    id: str
    known: bool
    """False: not in time. It may still be done until it is void; ask again by its id."""
    outcome: str
    """``done`` or why not, see :mod:`schemas.commands` and :mod:`domain.admin`; empty while it is not known."""
    codes: list[int] = field(default_factory=list)
    """Of (un)subscribing, by filter: SUBACK and UNSUBACK codes of MQTT 5."""
    count: int = 0
    """Sessions matched, ended or disconnected; filters that were new or are gone."""
    parts: Mapping[int, str] = field(default_factory=dict)
    """What each partition of the log has said; empty while it has said nothing."""
    position: str = ""
    """A token for ``at_least``: reads that wait for it see the effect, or the command while nothing more is known."""
