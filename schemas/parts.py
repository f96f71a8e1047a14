"""Bases of events, and the values that several of them are made of.

Fields are only ever appended, with a default, as in the events themselves (:mod:`schemas.events`).
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

NEVER = 0xFFFFFFFF
"""A session expiry interval that never ends [MQTT-3.1.2.11.2]."""


class Part(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of the values that events are made of."""


class Event(msgspec.Struct, frozen=True, array_like=True, tag_field="event"):
    """Base of all events."""

    KIND: ClassVar[str]
    """The tag: name and version."""


class Will(Part, frozen=True):
    """A will message as the client gave it [MQTT-3.1.3.2]."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: bytes
    """Property block of the message to be published, in the encoding of MQTT 5 section 2.2.2, without its length."""
    delay: int
    """Will delay interval in seconds."""


class Subscription(Part, frozen=True):
    """One topic filter of a subscribe, with what the server made of it."""

    filter: str
    qos: int
    """Granted quality of service."""
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    subscription_id: int = 0
    """Subscription identifier; 0 when there is none."""
    reason_code: int = 0
    """The SUBACK code of MQTT 5: 0 to 2 granted, from 128 refused."""


class Unsubscription(Part, frozen=True):
    """One topic filter of an unsubscribe, with what the server made of it."""

    filter: str
    reason_code: int
    """The UNSUBACK code: 0 removed, 17 there was no such subscription."""


class Inflight(Part, frozen=True):
    """A message for a client that is sent and not finished."""

    packet_id: int
    """0 while it waits for a place in the window."""
    partition: int
    position: int
    state: int
    """1: QoS 1, PUBACK awaited. 2: QoS 2, PUBREC awaited. 3: QoS 2, PUBCOMP awaited."""
    retain: bool = False
    """Sent with the retain flag."""
    subscription_ids: list[int] = []


class Cursor(Part, frozen=True):
    """How far a session has acknowledged what matched its subscriptions."""

    low: list[int]
    """Per partition, the position from which on nothing was sent yet. Empty: the event's vector."""
    inflight: list[Inflight] = []
    """What matched below ``low`` and is not acknowledged; everything else there is."""
    last_id: int = 0
    """The packet identifier that QoS 1 used last; 0 says nothing."""


class Behind(Part, frozen=True):
    """The cursor of one session in a ``progress``."""

    tenant: str
    client_id: str
    epoch: int
    cursor: Cursor


class Counters(Part, frozen=True):
    """Counters of one connection since its CONNECT, behind three gauges of its session. When it is away only these are
    said: the others are 0, and what was said of them before stays true."""

    inflight: int = 0
    queued: int = 0
    awaiting_rel: int = 0
    packets_in: int = 0
    packets_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped: int = 0
    reads: int = 0
    """Times that bytes came from the socket."""
    writes: int = 0
    """Times that bytes were written to it."""


class ClientCounters(Part, frozen=True):
    """The counters of one client in a ``measured``."""

    tenant: str
    client_id: str
    epoch: int
    counters: Counters


class Listener(Part, frozen=True):
    """Where a node listens."""

    name: str
    protocol: str
    address: str
    port: int
    connections: int
