"""A made-up history for the projector: frames of clients that connect, subscribe, publish and leave.

Deterministic for a seed. Every event is as a node would write it: epochs are the positions of the ``connected`` they
belong to, nothing is void.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from schemas.events import (
    AnyEvent,
    Connected,
    Counters,
    Cursor,
    Disconnected,
    Published,
    SessionEnded,
    Subscribed,
    Subscription,
    Unsubscribed,
    Unsubscription,
)
from schemas.frames import encode_events, frame_headers
from schemas.positions import position

TENANT = "default"
NODE = "bench"
SHARED_FILTERS = 100


class Frame(msgspec.Struct, frozen=True):
    """A Kafka record to be."""

    headers: list[tuple[str, bytes]]
    value: bytes
    events: int


@dataclass
class _Client:
    name: str
    epoch: int = -1
    online: bool = False
    held: list[str] = field(default_factory=list)


class History:
    """The frames of one partition, one after the other."""

    def __init__(self, partition: int, clients: int, publishes: float, per_frame: int, seed: int = 7) -> None:
        """``publishes`` is the share of publishes among the events, 0 to 1."""
        self._random = random.Random(f"{seed}/{partition}")
        self._clients = [_Client(f"device-{partition:02}-{number:06}") for number in range(clients)]
        self._publishes = publishes
        self._per_frame = per_frame
        self._offset = 0

    def frames(self, events: int) -> Iterator[Frame]:
        """So many events, cut into frames."""
        while events > 0:
            number = min(self._per_frame, events)
            yield self.frame(number)
            events -= number

    def frame(self, number: int) -> Frame:
        """The next frame, with so many events."""
        events = [self._event(position(self._offset, index)) for index in range(number)]
        headers = frame_headers(NODE, 0, self._offset, 0, [self._offset], events)
        self._offset += 1
        return Frame(headers, encode_events(events), number)

    def _event(self, at: int) -> AnyEvent:
        client = self._random.choice(self._clients)
        if self._random.random() < self._publishes:
            topic = f"plant/{self._random.randrange(1000)}/temperature"
            return Published(TENANT, client.name, max(client.epoch, 0), topic, 1, False, 1, b"", b"x" * 64)
        if not client.online:
            return self._arrive(client, at)
        return self._act(client)

    def _arrive(self, client: _Client, at: int) -> AnyEvent:
        if client.held and self._random.random() < 0.1:
            epoch, client.held = client.epoch, []
            return SessionEnded(TENANT, client.name, epoch, "expired")
        client.epoch, client.online = at, True
        return Connected(
            tenant=TENANT,
            client_id=client.name,
            username="device",
            protocol="mqtt5",
            version=5,
            address="10.1.2.3",
            port=40_000,
            listener="tcp",
            clean_start=False,
            expiry=3600,
            keep_alive=60,
            receive_maximum=100,
            max_packet_size=0,
            topic_alias_max=10,
            request_response=False,
            request_problem=True,
        )

    def _act(self, client: _Client) -> AnyEvent:
        if not client.held:
            client.held = [f"to/{client.name}/#", f"group/{self._random.randrange(SHARED_FILTERS)}/+"]
            granted = [Subscription(topic_filter, 1) for topic_filter in client.held]
            return Subscribed(TENANT, client.name, client.epoch, [self._offset], granted)
        if self._random.random() < 0.1:
            gone = client.held.pop()
            return Unsubscribed(TENANT, client.name, client.epoch, [self._offset], [Unsubscription(gone, 0)])
        client.online = False
        return Disconnected(
            tenant=TENANT,
            client_id=client.name,
            epoch=client.epoch,
            reason_code=0,
            reason="client said so",
            by="client",
            expiry=3600,
            will=False,
            vector=[self._offset],
            cursor=Cursor([]),
            counters=Counters(packets_in=12, packets_out=9, messages_in=5, messages_out=3, bytes_in=900, bytes_out=500),
        )
