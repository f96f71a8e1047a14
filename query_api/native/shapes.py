"""Bases of what goes in and out, and the shapes that several resources share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from query_api.native.text import Count, Cursor, IdempotencyKey, Place, Tenant


class Shape(msgspec.Struct, frozen=True, gc=False):
    """Base of answers: every field is always there, ``null`` where there is nothing to say."""


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of bodies: unknown fields are refused."""


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters that every operation has."""

    tenant: Tenant | None = None
    """Tenant to look at or act on, for those who may choose; so does the header `Mqledger-Tenant`."""


class Reading(Asking, frozen=True):
    """Those of what reads."""

    at_least: Place = ""


class Listing(Reading, frozen=True):
    """Those of lists."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="Most items of a page.")] = 100
    cursor: Cursor = ""


class Headers(msgspec.Struct, frozen=True, rename=lambda name: name.replace("_", "-")):
    """Request headers that every operation understands."""

    mqledger_tenant: Tenant | None = None


class ReadingHeaders(Headers, frozen=True):
    """Those of what reads."""

    mqledger_at_least: Place = ""
    if_none_match: Annotated[str, Meta(max_length=4096, description="ETags: 304 when one fits.")] = ""


class WritingHeaders(Headers, frozen=True):
    """Those of commands."""

    idempotency_key: IdempotencyKey | None = None


class ChangingHeaders(WritingHeaders, frozen=True):
    """Those of changes of what there is."""

    if_match: Annotated[str, Meta(max_length=4096, description="ETags, or `*`: 412 when none fits.")] = ""


class PuttingHeaders(ChangingHeaders, frozen=True):
    """Those of what makes or replaces."""

    if_none_match: Annotated[str, Meta(pattern=r"^(|\*)$", description="`*`: only if there is none yet.")] = ""


class Problem(Shape, frozen=True, omit_defaults=True):
    """Why there is no better answer (RFC 9457)."""

    type: str
    """Names the kind of problem: `/problems/<name>`."""
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str = ""
    instance: str = ""
    """Names the request; the log has more under this id."""
    outcome: str = ""
    """What the command came to, when it was one."""
    command: str = ""
    """Path of the command, when it was one."""


class Outcome(Shape, frozen=True):
    """What a command came to, or that it is not known yet (202)."""

    id: str
    state: Annotated[str, Meta(pattern="^(pending|done)$")]
    outcome: str
    """`done`; empty while pending."""
    codes: list[int]
    """Of subscribe and unsubscribe, by filter: SUBACK and UNSUBACK codes of MQTT 5."""
    count: Count
    """Sessions matched, ended or disconnected; filters that were new or are gone."""
    position: str
    """Give it as `at_least` to read what the command did."""
    command: str
    """Path of the command."""
