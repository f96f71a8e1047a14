"""Where a subscription begins to match: at the vector that its event names, not at the offset where it is applied.

What was applied in between is matched again, with the new filters alone; retained messages are read as of the same
vector. So there is no gap and no overlap between what was before a subscription and what comes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.retained import RetainedStore
from domain.session import At
from domain.topics import matches
from ingest.node.delivery import Delivery
from ingest.node.ring import Ring
from ingest.node.routes import Target
from ingest.node.session import Home, Session
from schemas.events import Message, Published, Subscription
from schemas.positions import Position


def retained(
    delivery: Delivery, kept: RetainedStore, session: Session, subscription: Subscription, vector: list[int]
) -> None:
    """Deliver the retained messages that a filter matches, as of a vector [MQTT-3.3.1-9]."""
    ids = (subscription.subscription_id,) if subscription.subscription_id else ()
    for topic, held in kept.match(subscription.filter, vector):
        message = Published(session.tenant, held.client_id, 0, topic, held.qos, True, 0, held.properties, held.payload)
        delivery.retained(session, message, held.partition, held.position, subscription.qos, ids, held.time)


class Left(NamedTuple):
    """Filters that a session has given back."""

    session: Session
    position: Position
    """Of the ``unsubscribed``."""
    applied: list[int]
    """What was applied by then: below it, and in the same partition below ``position``, the filters matched."""
    filters: list[str]

    def matched(self, partition: int, position: Position, topic: str) -> bool:
        """Whether a message was delivered by one of the filters, while the session had them."""
        before = position < self.position if partition == self.session.partition else (
            position >> 16 < self.applied[partition]
        )  # fmt: skip
        return before and any(matches(f, topic) for f in self.filters)


def left_since(home: Home, session: Session, vector: list[int]) -> list[Left]:
    """What a session has given back since a vector."""
    found = []
    for left in reversed(home.left):
        if left.position >> 16 < vector[home.partition]:
            break
        if left.session is session:
            found.append(left)
    return found


def recent(
    delivery: Delivery,
    ring: Ring,
    applied: Sequence[int],
    session: Session,
    new: list[Subscription],
    older: list[str],
    left: list[Left],
    vector: list[int],
    at: At,
) -> None:
    """Match new filters against what was applied from the vector of their event up to the event itself.

    What an ``older`` filter of the session matches has been delivered already; so has what one matched that it has
    ``left`` since.
    """
    for partition, start in enumerate(vector):
        if start >= applied[partition] and partition != at.partition:
            continue
        for frame in ring.since(partition, start):
            for index, event in enumerate(frame.events):
                position = frame.offset << 16 | index
                if partition == at.partition and position >= at.position:
                    break
                if not isinstance(event, Message) or event.tenant != session.tenant:
                    continue
                if frame.void is not None and index in frame.void:
                    continue
                hits = [s for s in new if matches(s.filter, event.topic)]
                if not hits or any(matches(f, event.topic) for f in older):
                    continue
                if not any(one.matched(partition, position, event.topic) for one in left):
                    delivery.fan_out(event, (Target(session, hits),), partition, position)
