"""Where a subscription begins to match: at the vector that its event names, not at the offset where it is applied.

What was applied in between is matched again, with the new filters alone; retained messages are read as of the same
vector. So there is no gap and no overlap between what was before a subscription and what comes behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.retained import RetainedStore
from domain.session import At
from domain.topics import matches
from ingest.node.delivery import Delivery
from ingest.node.ring import Message, Ring
from ingest.node.routes import Target
from ingest.node.session import Session
from schemas.events import Published, Subscription


def retained(
    delivery: Delivery, kept: RetainedStore, session: Session, subscription: Subscription, vector: list[int]
) -> None:
    """Deliver the retained messages that a filter matches, as of a vector [MQTT-3.3.1-9]."""
    ids = (subscription.subscription_id,) if subscription.subscription_id else ()
    for topic, held in kept.match(subscription.filter, vector):
        message = Published(session.tenant, held.client_id, 0, topic, held.qos, True, 0, held.properties, held.payload)
        delivery.retained(session, message, held.partition, held.position, subscription.qos, ids, held.time)


def recent(
    delivery: Delivery,
    ring: Ring,
    applied: Sequence[int],
    session: Session,
    new: list[Subscription],
    older: list[str],
    vector: list[int],
    at: At,
) -> None:
    """Match new filters against what was applied from the vector of their event up to the event itself.

    What an ``older`` filter of the session matches has been delivered already.
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
                if hits and not any(matches(f, event.topic) for f in older):
                    delivery.fan_out(event, (Target(session, hits),), partition, position)
